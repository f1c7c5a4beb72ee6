//! Reads both sides and makes the plan. It changes nothing.
//!
//! Directories are read by several threads, each directory by one. A directory that only one side has
//! is not looked into.

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use common::{Error, Interrupts};
use rustix::fs::Dev;
use rustix::io::Errno;

use super::resolve::Name;
use super::{Conflict, DirStep, Plan};
use crate::destination::{Destination, State, below};
use crate::failure::Failure;
use crate::image::Image;
use crate::pool::Pool;
use crate::settings::{DirectorySymlinks, Merge};
use crate::staging;
use common::fs::{Attributes, Caller, Dir, Listing};

/// What a plan is made from.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    pub(crate) images: &'a [Image],
    pub(crate) destination: &'a Destination,
    pub(crate) merge: &'a Merge,
    pub(crate) caller: &'a Caller,
    pub(crate) interrupts: &'a Interrupts,
    /// Whether names that need nothing are remembered too.
    pub(crate) remember_all: bool,
    pub(crate) trusted: Trusted,
    pub(crate) found: Mutex<Found>,
}

/// What the threads have found so far.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) plan: Plan,
    errors: Vec<(PathBuf, Error)>,
    refusals: Vec<(PathBuf, Error)>,
}

/// Names of one directory that are to be looked at again.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) path: PathBuf,
    pub(crate) place: PathBuf,
    pub(crate) volume: Arc<PathBuf>,
    pub(crate) images: Vec<usize>,
    pub(crate) all: Vec<CString>,
}

/// A directory that is to be read.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) path: PathBuf,
    pub(crate) place: PathBuf,
    pub(crate) in_destination: bool,
    pub(crate) images: Vec<usize>,
    /// The file system and mount of the directory that holds it, and the volume that this means.
    pub(crate) around: Option<(Dev, u64)>,
    pub(crate) volume: Arc<PathBuf>,
    pub(crate) only: Option<Vec<CString>>,
}

/// A directory of DEST or of an image, open for the time it is read.
#[derive(Debug)]
pub(crate) struct Side {
    /// Nothing: DEST.
    pub(crate) image: Option<usize>,
    pub(crate) dir: Dir,
    pub(crate) attributes: Attributes,
    /// Whether `d_ino` is `st_ino` here.
    pub(crate) inodes_are_true: bool,
}

/// The file systems that were asked whether they [have true inodes](Dir::has_true_inodes).
#[derive(Debug, Default)]
pub(crate) struct Trusted(Mutex<Vec<(Dev, bool)>>);

impl Trusted {
    pub(crate) fn ask(&self, dir: &Dir, device: Dev) -> Result<bool, Errno> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, trusted)) = known.iter().find(|(seen, _)| *seen == device) {
            return Ok(*trusted);
        }
        let trusted = dir.has_true_inodes()?;
        known.push((device, trusted));
        Ok(trusted)
    }
}

impl Scan<'_> {
    /// The whole plan, from the roots down.
    pub(crate) fn everything(&self) -> Result<Plan, Failure> {
        self.plan(vec![Task {
            path: PathBuf::new(),
            place: PathBuf::new(),
            in_destination: self.destination.state != State::Missing,
            images: (0..self.images.len()).collect(),
            around: None,
            volume: Arc::default(),
            only: None,
        }])
    }

    /// A plan for some names that turned out to be there.
    pub(crate) fn again(&self, names: Vec<Names>) -> Result<Plan, Failure> {
        let task = |names: Names| Task {
            path: names.path,
            place: names.place,
            in_destination: true,
            images: names.images,
            around: None,
            volume: names.volume,
            only: Some(names.all),
        };
        self.plan(names.into_iter().map(task).collect())
    }

    fn plan(&self, first: Vec<Task>) -> Result<Plan, Failure> {
        Pool::run(self.merge.threads, first, |task, pool| {
            if self.interrupts.pending().is_some() {
                return pool.stop();
            }
            let path = task.path.clone();
            match self.look_into(task) {
                Ok(further) => pool.add(further),
                Err(error) => self.lock().errors.push((path, error)),
            }
        });
        let mut found = std::mem::take(&mut *self.lock());
        if self.interrupts.pending().is_some() {
            return Err(Failure::Interrupted);
        }
        if !found.errors.is_empty() {
            return Err(Failure::Failed(in_order(found.errors)));
        }
        if !found.refusals.is_empty() {
            return Err(Failure::Refused(in_order(found.refusals)));
        }
        found.plan.sort();
        if self.merge.directory_symlinks == DirectorySymlinks::Pass {
            self.settle_shared(&mut found.plan)?;
            found.plan.sort();
        }
        Ok(found.plan)
    }

    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins one directory, and gives back those below it that are on several sides.
    fn look_into(&self, mut task: Task) -> Result<Vec<Task>, Error> {
        let sides = self.open_sides(&task)?;
        settle_volume(&mut task, &sides);
        let lists = self.list(&task, &sides)?;
        let mut name = Name::new(self, &task, &sides);
        name.join_all(&lists)?;
        let (steps, counts, further) = name.done();
        let mut step = self.dir_step(&task, &sides, steps)?;
        step.counts = counts;
        self.lock().plan.dirs.push(step);
        Ok(further)
    }

    fn open_sides(&self, task: &Task) -> Result<Vec<Side>, Error> {
        let mut sides = Vec::with_capacity(1 + task.images.len());
        if task.in_destination {
            let root = &self.destination.root;
            let side = self.side(None, root.beneath(&task.place));
            sides.push(side.map_err(|c| Error::io("read", self.destination.at(&task.place), c))?);
        }
        for &image in &task.images {
            let side = self.side(Some(image), self.images[image].root.beneath(&task.path));
            sides.push(side.map_err(|c| Error::io("read", self.images[image].at(&task.path), c))?);
        }
        self.refuse_nesting(task, &sides)?;
        Ok(sides)
    }

    fn side(&self, image: Option<usize>, dir: Result<Dir, Errno>) -> Result<Side, Errno> {
        let dir = dir?;
        let attributes = dir.stat()?;
        let inodes_are_true = self.trusted.ask(&dir, attributes.identity.device)?;
        Ok(Side {
            image,
            dir,
            attributes,
            inodes_are_true,
        })
    }

    /// An image that turns up inside DEST, or the reverse, by whatever way.
    fn refuse_nesting(&self, task: &Task, sides: &[Side]) -> Result<(), Error> {
        for (at, side) in sides.iter().enumerate() {
            let here = side.attributes.identity;
            // One directory that a mount shows on two sides would be merged with itself.
            if sides[..at]
                .iter()
                .any(|other| other.attributes.identity == here)
            {
                let path = self.path_of(side, &task.path);
                let why = "it is the same directory on two sides";
                return Err(Error::refused("merge", path, why));
            }
            let nested = match side.image {
                Some(_) => here == self.destination.attributes.identity,
                None => self
                    .images
                    .iter()
                    .any(|image| image.attributes.identity == here),
            };
            if nested {
                let path = self.destination.at(&task.place);
                return Err(Error::refused(
                    "merge",
                    path,
                    "is both image and destination",
                ));
            }
        }
        Ok(())
    }

    /// The names of all sides, without those that are our own.
    fn list(&self, task: &Task, sides: &[Side]) -> Result<Vec<Listing>, Error> {
        let is_root = task.place.as_os_str().is_empty();
        let is_volume_root = is_root || *task.volume == task.place && task.in_destination;
        let mut lists = Vec::with_capacity(sides.len());
        for side in sides {
            let mut list = Listing::default();
            let listed = match &task.only {
                Some(only) => list_only(side, only, &mut list),
                None => side.dir.for_each::<Errno>(|name, inode, kind| {
                    if is_volume_root && staging::is_ours(name) {
                        self.refuse_our_name(task, side, name);
                    } else {
                        list.push(name, inode, kind);
                    }
                    Ok(())
                }),
            };
            listed.map_err(|cause| Error::io("read", self.path_of(side, &task.path), cause))?;
            list.sort();
            lists.push(list);
        }
        Ok(lists)
    }

    /// In DEST such a name is what a merge left; an image may not bring one where we would sweep it.
    fn refuse_our_name(&self, task: &Task, side: &Side, name: &CStr) {
        if let Some(image) = side.image {
            let path = task.path.join(as_os(name));
            let whole = self.images[image].at(&path);
            let error = Error::refused("merge", whole, "img-merge keeps such names for itself");
            self.lock().refusals.push((path, error));
        }
    }

    fn dir_step(
        &self,
        task: &Task,
        sides: &[Side],
        names: Vec<super::Step>,
    ) -> Result<DirStep, Error> {
        let metadata = super::dirs::decide(self, task, sides)?;
        let (held, images) = match sides.split_first() {
            Some((first, rest)) if first.image.is_none() => (Some(first), rest),
            _ => (None, sides),
        };
        Ok(DirStep {
            path: task.path.clone(),
            place: task.place.clone(),
            volume: task.volume.clone(),
            found: held.map(|side| side.attributes),
            images: images
                .iter()
                .filter_map(|side| side.image.map(|image| (image, side.attributes)))
                .collect(),
            metadata_from: metadata.from,
            modified: metadata.modified,
            names,
            counts: super::Counts::default(),
            again: task.only.is_some(),
        })
    }

    pub(crate) fn conflict(&self, conflict: Conflict) {
        self.lock().plan.conflicts.push(conflict);
    }

    /// Where `path` lies on a side.
    pub(crate) fn path_of(&self, side: &Side, path: &Path) -> PathBuf {
        below(self.root_of(side.image), path)
    }

    /// The root of an image, or of DEST.
    pub(crate) fn root_of(&self, image: Option<usize>) -> &Path {
        match image {
            Some(image) => &self.images[image].path,
            None => &self.destination.path,
        }
    }
}

/// Those of `names` that the side has. The rest of a directory may be large, and is not looked at.
fn list_only(side: &Side, names: &[CString], list: &mut Listing) -> Result<(), Errno> {
    for name in names {
        match side.dir.stat_name(name) {
            Ok(it) => list.push(name, it.identity.inode, Some(it.kind)),
            Err(Errno::NOENT) => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

/// Notes which file system of DEST the directory is on.
fn settle_volume(task: &mut Task, sides: &[Side]) {
    let Some(held) = sides.first().filter(|side| side.image.is_none()) else {
        return;
    };
    let here = (held.attributes.identity.device, held.attributes.mount);
    if task.around.is_some_and(|around| around != here) {
        task.volume = Arc::new(task.place.clone());
    }
    task.around = Some(here);
}

fn in_order(mut errors: Vec<(PathBuf, Error)>) -> Vec<Error> {
    errors.sort_by(|(a, _), (b, _)| a.cmp(b));
    errors.into_iter().map(|(_, error)| error).collect()
}

pub(crate) fn as_os(name: &CStr) -> &OsStr {
    OsStr::from_bytes(name.to_bytes())
}
