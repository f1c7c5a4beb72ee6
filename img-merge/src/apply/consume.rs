//! Removes what is left of an image that was moved: files that DEST has, files that lost, empty directories.
//!
//! It runs after the transaction is done. It leaves what was changed after the plan was made, and what is mounted in an
//! image, and reports both.
//!
//! The images go in declared order, each whole before the next. So after a kill the last image, which has the last word,
//! is still there, and the same merge again ends as the whole one would.

use std::collections::HashSet;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::Error;
use common::fs::{At, Attributes, Dir, Handle, as_os, remove, split};
use rustix::io::Errno;

use super::subtract::{give_mode_back, subtract};
use super::transaction::Transaction;
use crate::destination::path_of;
use crate::image::Image;
use crate::inputs::Inputs;
use crate::plan::{Act, DirStep, Plan, Seen, Step};

/// The images that are being removed.
struct Consumption<'a> {
    tx: &'a Transaction<'a>,
    /// The directories that were joined, the innermost first.
    steps: Vec<&'a DirStep>,
    joined: HashSet<&'a PathBuf>,
    /// What was renamed to DEST: image, directory, name. What has that name now is another file.
    moved: HashSet<(usize, Arc<PathBuf>, CString)>,
    /// What was reported, by image and path: its directory cannot be empty.
    stuck: Vec<(usize, PathBuf)>,
    errors: Vec<Error>,
}

/// Removes from the images all names of `plans`, and then the directories below their tops. Errors do not stop it.
pub(crate) fn consume(tx: &Transaction<'_>, plans: &[Plan]) -> Vec<Error> {
    let mut steps: Vec<&DirStep> = plans.iter().flat_map(|plan| &plan.dirs).collect();
    steps.sort_by(|a, b| b.path.cmp(&a.path));
    let mut consumption = Consumption {
        tx,
        joined: steps.iter().map(|step| &step.path).collect(),
        moved: tx.log.moved().into_iter().collect(),
        stuck: Vec::new(),
        errors: Vec::new(),
        steps,
    };
    for image in 0..tx.inputs.images.len() {
        consumption.image(image);
    }
    consumption.errors
}

impl<'a> Consumption<'a> {
    fn image(&mut self, image: usize) {
        let has = |step: &&&DirStep| step.of_image(image).is_some();
        let steps: Vec<&DirStep> = self.steps.iter().filter(has).copied().collect();
        for step in &steps {
            self.names(image, step);
        }
        let is_below = |step: &&&DirStep| !step.again && !step.path.as_os_str().is_empty();
        for step in steps.iter().filter(is_below) {
            let removed = remove_directory(&self.tx.inputs.images[image], &step.path);
            self.report(image, &step.path, removed);
        }
    }

    fn names(&mut self, image: usize, step: &DirStep) {
        let path = Arc::new(step.path.clone());
        let is_left = |name: &&Step| {
            name.image == image
                && !self
                    .moved
                    .contains(&(image, path.clone(), name.name.clone()))
                && !self.joined.contains(&path.join(as_os(&name.name)))
        };
        let names: Vec<&Step> = step.names.iter().filter(is_left).collect();
        if names.is_empty() {
            return;
        }
        match self.open(image, step) {
            Ok((dir, inodes_are_true)) => {
                for name in names {
                    let at = At::new(&dir, &name.name);
                    let removed = self.remove_name(step, at, name, inodes_are_true);
                    self.report(image, &step.path.join(as_os(&name.name)), removed);
                }
            }
            Err(cause) => self.report(image, &step.path, Err(cause)),
        }
    }

    /// The directory of the image, and whether readdir's inode numbers are those of stat.
    fn open(&self, image: usize, step: &DirStep) -> Result<(Handle<'a>, bool), Errno> {
        let inputs: Inputs<'a> = self.tx.inputs;
        let image = &inputs.images[image];
        let dir = Handle::beneath(&image.root, &step.path)?;
        let here = dir.stat()?;
        if !here.is_in_mount_of(&image.attributes) {
            return Err(Errno::BUSY);
        }
        if self.tx.inputs.caller.is_shut_out_of_own(&here) {
            dir.set_mode(here.mode | 0o700)?;
        }
        let inodes_are_true = dir.has_true_inodes()?;
        Ok((dir, inodes_are_true))
    }

    /// Removes one name if it is still what was planned with.
    fn remove_name(
        &self,
        step: &DirStep,
        at: At<'_>,
        name: &Step,
        inodes_are_true: bool,
    ) -> Result<(), Errno> {
        let is_planned = |here: &Attributes| {
            here.kind == name.kind
                && (!inodes_are_true || here.identity.inode == name.inode)
                && name.seen.is_none_or(|seen| seen == Seen::of(here))
        };
        let here = match at.stat() {
            Ok(here) if is_planned(&here) => here,
            Ok(_) => return Err(Errno::STALE),
            Err(Errno::NOENT) => return Ok(()),
            Err(cause) => return Err(cause),
        };
        if !name.kind.is_dir() {
            at.dir.unlink(at.name)
        } else if name.act == Act::Place {
            self.remove_copied(step, at, here.mode)
        } else {
            remove::tree(at.dir, at.name)
        }
    }

    /// Removes from a directory that was copied what DEST has too.
    fn remove_copied(&self, step: &DirStep, at: At<'_>, mode: u32) -> Result<(), Errno> {
        let place = self.tx.inputs.destination.root.beneath(&step.place)?;
        let tree = remove::child_for_us(at.dir, at.name)?;
        if !tree.stat()?.is_in_mount_of(&at.dir.stat()?) {
            return Err(Errno::BUSY);
        }
        if subtract(&tree, &place.child(at.name)?)? {
            return at.dir.remove_dir(at.name);
        }
        give_mode_back(&tree, mode)?;
        Err(Errno::NOTEMPTY)
    }

    fn report(&mut self, image: usize, path: &Path, removed: Result<(), Errno>) {
        let Err(cause) = removed else {
            return;
        };
        let is_in_it = |(of, stuck): &(usize, PathBuf)| *of == image && stuck.starts_with(path);
        if cause == Errno::NOTEMPTY && self.stuck.iter().any(is_in_it) {
            return;
        }
        self.stuck.push((image, path.to_owned()));
        self.errors
            .push(failed(&self.tx.inputs.images[image], path, cause));
    }
}

/// Removes the images themselves, empty by now. This comes last, so that after a kill at any moment before there is an
/// image to merge again. After an error that was reported it is no news that an image is not empty.
pub(crate) fn remove_roots(images: &[Image], is_reported: bool) -> Vec<Error> {
    let removed = images.iter().map(|image| match remove_root(image) {
        Err(Errno::NOTEMPTY) if is_reported => Ok(()),
        done => done.map_err(|cause| failed(image, Path::new(""), cause)),
    });
    removed.filter_map(Result::err).collect()
}

fn remove_root(image: &Image) -> Result<(), Errno> {
    let path = path_of(&image.root)?;
    let (parent, name) = split(&path)?;
    Dir::named(parent)?.remove_dir(&*name)
}

fn remove_directory(image: &Image, path: &Path) -> Result<(), Errno> {
    let (parent, name) = split(path)?;
    let parent = image.root.beneath(parent);
    match parent.and_then(|parent| parent.remove_dir(&*name)) {
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
