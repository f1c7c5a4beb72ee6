//! What all steps of one transaction share.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use common::{Error, Interrupts};
use rustix::io::Errno;

use super::groups::Groups;
use super::opened::Opened;
use crate::destination::Destination;
use crate::failure::Failure;
use crate::image::Image;
use crate::journal::Record;
use crate::plan::{DirStep, Names};
use crate::settings::Merge;
use crate::staging::{Staging, Stagings};
use crate::tally::Tally;
use common::fs::{Attributes, Caller, FileId, Handle, Xattrs};

/// One transaction at work.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    pub(crate) images: &'a [Image],
    pub(crate) destination: &'a Destination,
    pub(crate) merge: &'a Merge,
    pub(crate) caller: &'a Caller,
    pub(crate) interrupts: &'a Interrupts,
    pub(crate) tally: &'a Tally,
    pub(crate) stagings: Stagings<'a>,
    pub(crate) groups: Groups,
    /// The staging that has the journal.
    pub(crate) journal: OnceLock<Arc<Staging>>,
    /// What was done to DEST and the images, in its order.
    pub(crate) log: Mutex<Vec<Done>>,
    /// Directories that have another mode for a while.
    pub(crate) opened: Mutex<Vec<Opened>>,
    /// The modification times that directories had, as records have them.
    pub(crate) before: Mutex<Vec<Record>>,
    /// Directories of DEST that got an image's metadata, with what they had.
    pub(crate) dressed: Mutex<Vec<(PathBuf, Attributes, Xattrs)>>,
    /// Directories of DEST that this transaction made, by their place.
    pub(crate) made: Mutex<HashMap<PathBuf, FileId>>,
    /// Names that DEST had after all, by their directories' paths and places.
    late: Mutex<BTreeMap<(PathBuf, PathBuf), Names>>,
    pub(crate) errors: Mutex<Vec<(PathBuf, Error)>>,
}

/// Something that was done, as far as it takes to undo it.
#[derive(Debug)]
pub(crate) enum Done {
    /// A directory of several images was made.
    Made { place: PathBuf, it: FileId },
    /// A file got its name.
    Placed {
        place: Arc<PathBuf>,
        volume: Arc<PathBuf>,
        name: CString,
        it: FileId,
    },
    /// A subtree that was built got its name.
    Tree {
        place: Arc<PathBuf>,
        volume: Arc<PathBuf>,
        name: CString,
        image: usize,
        /// The directory in the image that holds it.
        path: Arc<PathBuf>,
        it: FileId,
    },
    /// Something was renamed out of an image.
    Moved {
        place: Arc<PathBuf>,
        name: CString,
        image: usize,
        path: Arc<PathBuf>,
        it: FileId,
    },
    /// A file took the place of another, which the staging keeps.
    Replaced {
        place: Arc<PathBuf>,
        volume: Arc<PathBuf>,
        name: CString,
        staged: CString,
        new: FileId,
    },
}

impl<'a> Work<'a> {
    pub(crate) fn new(
        images: &'a [Image],
        destination: &'a Destination,
        merge: &'a Merge,
        (caller, interrupts): (&'a Caller, &'a Interrupts),
        tally: &'a Tally,
    ) -> Self {
        Self {
            images,
            destination,
            merge,
            caller,
            interrupts,
            tally,
            stagings: Stagings::of(FileId::of(&destination.attributes), caller),
            groups: Groups::default(),
            journal: OnceLock::new(),
            log: Mutex::default(),
            opened: Mutex::default(),
            before: Mutex::default(),
            dressed: Mutex::default(),
            made: Mutex::default(),
            late: Mutex::default(),
            errors: Mutex::default(),
        }
    }

    /// Gives up if a signal came or a step has failed.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.interrupts.pending().is_some() {
            return Err(Failure::Interrupted);
        }
        let mut errors = std::mem::take(&mut *lock(&self.errors));
        if errors.is_empty() {
            return Ok(());
        }
        errors.sort_by(|(a, _), (b, _)| a.cmp(b));
        Err(Failure::Failed(
            errors.into_iter().map(|(_, error)| error).collect(),
        ))
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.interrupts.pending().is_some() || !lock(&self.errors).is_empty()
    }

    pub(crate) fn fail(&self, path: &Path, error: Error) {
        lock(&self.errors).push((path.to_owned(), error));
    }

    pub(crate) fn done(&self, done: Done) {
        lock(&self.log).push(done);
    }

    /// Puts names of a directory aside, to be planned anew.
    pub(crate) fn put_aside(&self, names: Names) {
        let mut late = lock(&self.late);
        let key = (names.path.clone(), names.place.clone());
        match late.entry(key) {
            Entry::Vacant(free) => drop(free.insert(names)),
            Entry::Occupied(mut there) => {
                let there = there.get_mut();
                there.all.extend(names.all);
                for image in names.images {
                    if !there.images.contains(&image) {
                        there.images.push(image);
                        there.images.sort_unstable();
                    }
                }
            }
        }
    }

    /// The names that were put aside, which are forgotten by this.
    pub(crate) fn take_late(&self) -> Vec<Names> {
        std::mem::take(&mut *lock(&self.late))
            .into_values()
            .collect()
    }

    /// Notes in the journal what is about to be done.
    pub(crate) fn note(&self, records: &[Record]) -> Result<(), Errno> {
        match self.journal.get() {
            Some(staging) => staging.journal.note(records),
            None => Err(Errno::BADF),
        }
    }

    /// Opens the directory of a step in DEST, and makes sure that it is the one that was planned with.
    pub(crate) fn open_place(&self, step: &DirStep) -> Result<Handle<'_>, Error> {
        let whole = || self.destination.at(&step.place);
        let dir = Handle::beneath(&self.destination.root, &step.place);
        let dir = dir.map_err(|cause| Error::io("open", whole(), cause))?;
        if matches!(dir, Handle::Held(_)) {
            return Ok(dir);
        }
        let here = dir
            .stat()
            .map_err(|cause| Error::io("open", whole(), cause))?;
        let planned = match step.found {
            Some(found) => Some(FileId::of(&found)),
            None => lock(&self.made).get(&step.place).copied(),
        };
        let is_it = planned.map_or(Ok(false), |planned| planned.is(&here, &dir));
        if is_it.map_err(|cause| Error::io("open", whole(), cause))? {
            Ok(dir)
        } else {
            Err(Error::refused(
                "open",
                whole(),
                "it was exchanged for another directory meanwhile",
            ))
        }
    }

    pub(crate) fn open_source(&self, image: usize, path: &Path) -> Result<Handle<'_>, Error> {
        let image = &self.images[image];
        let dir = Handle::beneath(&image.root, path);
        dir.map_err(|cause| Error::io("open", image.at(path), cause))
    }
}

/// Locks what stays whole when a thread panics: collections that are only pushed to.
pub(crate) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
