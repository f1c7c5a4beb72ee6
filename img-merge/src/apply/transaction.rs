//! What the steps of one transaction share.

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use common::fs::{FileId, Handle, split};
use common::{Error, lock};
use rustix::io::Errno;

use super::groups::Groups;
use super::log::Log;
use super::made_writable::MadeWritable;
use super::notes::Notes;
use crate::failure::{Failure, in_order};
use crate::inputs::Inputs;
use crate::plan::{DirStep, JoinedDir};
use crate::staging::Stagings;
use crate::stats::{PathEvent, Progress, Stats};

/// One transaction that is being applied.
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    pub(crate) inputs: Inputs<'a>,
    pub(crate) stagings: Stagings<'a>,
    /// The link groups of the images.
    pub(crate) groups: Groups,
    /// The journal, for a run after a kill.
    pub(crate) notes: Notes,
    /// What was done, for an undo.
    pub(crate) log: Log,
    /// Directories that have another mode for a while.
    pub(crate) made_writable: MadeWritable,
    /// Names that DEST had after all. They are planned again.
    pub(crate) deferred: Mutex<Vec<JoinedDir>>,
    pub(crate) stats: Mutex<Stats>,
    progress: &'a Progress,
    errors: Mutex<Vec<(PathBuf, Error)>>,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(inputs: Inputs<'a>, progress: &'a Progress) -> Self {
        Self {
            inputs,
            stagings: Stagings::new(inputs.destination, inputs.caller),
            groups: Groups::default(),
            notes: Notes::default(),
            log: Log::default(),
            made_writable: MadeWritable::default(),
            deferred: Mutex::default(),
            stats: Mutex::default(),
            progress,
            errors: Mutex::default(),
        }
    }

    /// Fails after a signal, or if a thread failed.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.inputs.is_interrupted() {
            return Err(Failure::Interrupted);
        }
        Failure::unless_none(in_order(std::mem::take(&mut *lock(&self.errors))))
    }

    /// Whether threads should stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.inputs.is_interrupted() || !lock(&self.errors).is_empty()
    }

    /// Makes the transaction fail. Errors are reported in the order of `path`.
    pub(crate) fn fail(&self, path: &Path, error: Error) {
        lock(&self.errors).push((path.to_owned(), error));
    }

    /// Has a name of the directory of `step` planned again, with what DEST has by then.
    pub(crate) fn defer(&self, step: &DirStep, name: CString) {
        let again = JoinedDir::again(&step.path, &step.place, step, name);
        lock(&self.deferred).push(again);
    }

    /// Has the directory of `step` itself planned again, as a name of its parent.
    pub(crate) fn defer_directory(&self, step: &DirStep) -> Result<(), Errno> {
        let ((path, name), (place, _)) = (split(&step.path)?, split(&step.place)?);
        lock(&self.deferred).push(JoinedDir::again(path, place, step, name));
        Ok(())
    }

    /// Counts what was done in one directory; `total` is that of the transaction or of a tree.
    pub(crate) fn count(&self, total: &Mutex<Stats>, part: Stats) {
        let directories = part.directories + part.trees;
        self.progress.advance(part.all_files(), directories);
        lock(total).add(part);
    }

    /// Adds `event` if the report needs paths.
    pub(crate) fn record(&self, stats: &mut Stats, event: impl FnOnce() -> PathEvent) {
        if self.inputs.wants_paths {
            stats.paths.push(event());
        }
    }

    /// Opens the directory of a step in DEST. Fails if it is not the one that was planned with.
    pub(crate) fn open_place(&self, step: &DirStep) -> Result<Handle<'a>, Error> {
        let failed = |cause| Error::io("open", self.inputs.at(None, &step.place), cause);
        let dir = Handle::beneath(&self.inputs.destination.root, &step.place);
        let dir = dir.map_err(failed)?;
        if matches!(dir, Handle::Held(_)) {
            return Ok(dir);
        }
        let planned = match step.found {
            Some(found) => Some(FileId::of(&found)),
            None => self.log.made(&step.place),
        };
        let is_planned = |planned: FileId| planned.is(&dir.stat()?, &dir);
        if planned.map_or(Ok(false), is_planned).map_err(failed)? {
            return Ok(dir);
        }
        let why = "it was exchanged for another directory meanwhile";
        let whole = self.inputs.at(None, &step.place);
        Err(Error::refused("open", whole, why))
    }

    pub(crate) fn open_source(&self, image: usize, path: &Path) -> Result<Handle<'a>, Error> {
        let dir = Handle::beneath(&self.inputs.images[image].root, path);
        dir.map_err(|cause| Error::io("open", self.inputs.at(Some(image), path), cause))
    }
}
