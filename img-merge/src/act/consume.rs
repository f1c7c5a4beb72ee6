//! Removes what is left of an image that was moved: its equal files, its losers, its directories.
//!
//! It runs after the transaction is done. What was not planned is not removed: an image that someone
//! still writes to keeps what came late, and that is an error. Neither is what is mounted in an image.
//!
//! The images go in declared order, each whole before the next. So after a kill those that are left end
//! with the one that has the last word, and the same merge over them ends as the whole one would.

use std::collections::HashSet;
use std::ffi::CStr;
use std::path::{Path, PathBuf};

use common::Error;
use rustix::io::Errno;

use super::dirs::{same_time, split};
use super::subtract::{shut_again, subtract};
use super::work::{Done, Work, lock};
use crate::image::Image;
use crate::plan::{Act, DirStep, Plan, Seen, Step, Trusted, as_os};
use common::fs::{Attributes, Dir, Handle, remove};

/// What is being removed.
struct Consumption<'a> {
    work: &'a Work<'a>,
    trusted: &'a Trusted,
    /// The innermost first.
    steps: Vec<&'a DirStep>,
    /// The directories that were joined name by name, also those that DEST had after all.
    joined: HashSet<&'a PathBuf>,
    /// What went to DEST with its name: what has that name by now is another's.
    moved: HashSet<(usize, &'a Path, &'a CStr)>,
    /// What an error was said of, by its image and path: what holds it cannot be empty.
    stuck: Vec<(usize, PathBuf)>,
    errors: Vec<Error>,
}

/// What went to DEST with its name: its image, the directory there and the name.
fn moved(done: &Done) -> Option<(usize, &Path, &CStr)> {
    match done {
        Done::Moved {
            image, path, name, ..
        } => Some((*image, path, name)),
        _ => None,
    }
}

/// Removes from the images all names of `plans`, and then the directories below their tops.
/// Errors do not stop it.
pub(crate) fn consume(work: &Work<'_>, plans: &[Plan], trusted: &Trusted) -> Vec<Error> {
    let mut steps: Vec<&DirStep> = plans.iter().flat_map(|plan| &plan.dirs).collect();
    steps.sort_by(|a, b| b.path.cmp(&a.path));
    let log = lock(&work.log);
    let mut consumption = Consumption {
        work,
        moved: log.iter().filter_map(moved).collect(),
        trusted,
        joined: steps.iter().map(|step| &step.path).collect(),
        steps,
        stuck: Vec::new(),
        errors: Vec::new(),
    };
    for image in 0..work.images.len() {
        consumption.image(image);
    }
    consumption.errors
}

impl<'a> Consumption<'a> {
    fn image(&mut self, image: usize) {
        let steps = std::mem::take(&mut self.steps);
        let of = |step: &&&DirStep| step.images.iter().any(|(of, _)| *of == image);
        for step in steps.iter().filter(of) {
            self.names(image, step);
        }
        let is_below = |step: &&&DirStep| !step.again && !step.path.as_os_str().is_empty();
        for step in steps.iter().filter(of).filter(is_below) {
            let removed = remove_directory(&self.work.images[image], &step.path);
            self.note(image, &step.path, removed);
        }
        self.steps = steps;
    }

    fn names(&mut self, image: usize, step: &DirStep) {
        let planned = |name: &&Step| {
            name.image == image
                && !self.moved.contains(&(image, &*step.path, &*name.name))
                && !self.joined.contains(&step.path.join(as_os(&name.name)))
        };
        let names: Vec<&Step> = step.names.iter().filter(planned).collect();
        if names.is_empty() {
            return;
        }
        match self.open(image, step) {
            Ok((dir, inodes_are_true)) => {
                for name in names {
                    let removed = self.name(step, &dir, name, inodes_are_true);
                    self.note(image, &step.path.join(as_os(&name.name)), removed);
                }
            }
            Err(cause) => self.note(image, &step.path, Err(cause)),
        }
    }

    /// The directory of the image, and whether names in it are known by their inodes.
    fn open(&self, image: usize, step: &DirStep) -> Result<(Handle<'a>, bool), Errno> {
        let work: &'a Work<'a> = self.work;
        let image = &work.images[image];
        let dir = Handle::beneath(&image.root, &step.path)?;
        let here = dir.stat()?;
        if !here.is_in_mount_of(&image.attributes) {
            return Err(Errno::BUSY);
        }
        if self.work.caller.is_shut_out_of_own(&here) {
            dir.set_mode(here.mode | 0o700)?;
        }
        let inodes_are_true = self.trusted.ask(&dir, here.identity.device)?;
        Ok((dir, inodes_are_true))
    }

    /// Removes one name, if it is still what was planned with.
    fn name(&self, step: &DirStep, dir: &Dir, name: &Step, known: bool) -> Result<(), Errno> {
        let is_planned = |here: &Attributes| {
            here.kind == name.kind
                && (!known || here.identity.inode == name.inode)
                && name.seen.is_none_or(|seen| seen == Seen::of(here))
        };
        let here = match dir.stat_name(&name.name) {
            Ok(here) if is_planned(&here) => here,
            Ok(_) => return Err(Errno::STALE),
            // It went to DEST with its name.
            Err(Errno::NOENT) => return Ok(()),
            Err(cause) => return Err(cause),
        };
        if !name.kind.is_dir() {
            dir.unlink(&name.name)
        } else if name.act == Act::Place {
            self.built_tree(step, dir, name, here.mode)
        } else {
            self.discard(dir, name)
        }
    }

    /// A subtree that DEST does not get: only as it was planned with.
    fn discard(&self, dir: &Dir, name: &Step) -> Result<(), Errno> {
        let root = &self.work.images[name.image].root;
        for (path, modified) in &name.discards {
            match root.beneath(path).and_then(|dir| dir.stat()) {
                Ok(now) if same_time(now.modified, *modified) => {}
                Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
                    return Err(Errno::STALE);
                }
                Err(cause) => return Err(cause),
            }
        }
        remove::tree(dir, &name.name)
    }

    /// A subtree that was copied: only what DEST has too.
    fn built_tree(&self, step: &DirStep, dir: &Dir, name: &Step, mode: u32) -> Result<(), Errno> {
        let place = self.work.destination.root.beneath(&step.place)?;
        let tree = remove::child_for_us(dir, &name.name)?;
        if !tree.stat()?.is_in_mount_of(&dir.stat()?) {
            return Err(Errno::BUSY);
        }
        if subtract(&tree, &place.child(&name.name)?)? {
            dir.remove_dir(&name.name)
        } else {
            shut_again(&tree, mode)?;
            Err(Errno::NOTEMPTY)
        }
    }

    fn note(&mut self, image: usize, path: &Path, removed: Result<(), Errno>) {
        let Err(cause) = removed else {
            return;
        };
        let is_in_it = |(of, stuck): &(usize, PathBuf)| *of == image && stuck.starts_with(path);
        if cause == Errno::NOTEMPTY && self.stuck.iter().any(is_in_it) {
            return;
        }
        self.stuck.push((image, path.to_owned()));
        let error = failed(&self.work.images[image], path, cause);
        self.errors.push(error);
    }
}

/// Removes the images themselves, empty by now: the very last thing, so that after a kill at any moment
/// before there is an image to merge again.
///
/// After an error that was `said` nobody wonders that one is not empty.
pub(crate) fn remove_roots(images: &[Image], said: bool) -> Vec<Error> {
    let removed = images.iter().map(|image| match remove_root(image) {
        Err(Errno::NOTEMPTY) if said => Ok(()),
        done => done.map_err(|cause| failed(image, Path::new(""), cause)),
    });
    removed.filter_map(Result::err).collect()
}

fn remove_root(image: &Image) -> Result<(), Errno> {
    let real = crate::destination::path_of(&image.root)?;
    let (parent, name) = split(&real)?;
    Dir::named(parent)?.remove_dir(&name)
}

fn remove_directory(image: &Image, path: &Path) -> Result<(), Errno> {
    let (parent, name) = split(path)?;
    let parent = image.root.beneath(parent);
    let done = parent.and_then(|parent| parent.remove_dir(&name));
    match done {
        Err(Errno::NOENT) => Ok(()),
        done => done,
    }
}

fn failed(image: &Image, path: &Path, cause: Errno) -> Error {
    let whole = image.at(path);
    match cause {
        Errno::STALE | Errno::NOTEMPTY => Error::refused(
            "remove",
            whole,
            "it was changed after the merge was planned",
        ),
        Errno::BUSY => Error::refused("remove", whole, "something is mounted there"),
        cause => Error::io("remove", whole, cause),
    }
}
