//! Directories of our own whose mode keeps us from changing names in them: opened for the time, and shut.

use std::path::Path;

use common::Error;
use rustix::io::Errno;

use super::work::{Work, lock};
use crate::journal::{Record, Whose, Written};
use crate::plan::DirStep;
use crate::recovery;
use crate::settings::Method;
use common::fs::{Attributes, Dir, FileId};

/// A directory that was opened for us, and the mode that it is to have again.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) whose: Whose,
    pub(crate) mode: u32,
}

impl Opened {
    pub(crate) fn record(&self) -> Record {
        Record::Mode {
            of: self.whose.clone(),
            mode: self.mode,
        }
    }
}

impl Work<'_> {
    /// Opens directories of our own whose mode keeps us from changing names in them.
    pub(super) fn open_shut(&self, step: &DirStep) -> Result<(), Error> {
        if let Some(found) = step
            .found
            .filter(|found| self.caller.is_shut_out_of_own(found))
        {
            let dir = self.destination.root.beneath(&step.place);
            dir.and_then(|dir| self.open(&dir, found, &step.place, None))
                .map_err(|cause| {
                    Error::io("open for writing", self.destination.at(&step.place), cause)
                })?;
        }
        if self.merge.method != Method::Move {
            return Ok(());
        }
        for (image, source) in &step.images {
            if self.caller.is_shut_out_of_own(source) {
                let dir = self.open_source(*image, &step.path)?;
                self.open(&dir, *source, &step.path, Some(*image))
                    .map_err(|cause| {
                        let whole = self.images[*image].at(&step.path);
                        Error::io("open for writing", whole, cause)
                    })?;
            }
        }
        Ok(())
    }

    /// Opens one directory of DEST, or of an image, for us.
    pub(crate) fn open(
        &self,
        dir: &Dir,
        found: Attributes,
        path: &Path,
        image: Option<usize>,
    ) -> Result<(), Errno> {
        let path = match image {
            Some(image) => self.images[image].below(path),
            None => path.to_owned(),
        };
        let whose = Whose {
            path,
            it: FileId::of(&found),
        };
        if lock(&self.opened)
            .iter()
            .any(|opened| opened.whose == whose)
        {
            return Ok(());
        }
        let mode = found.mode;
        let record = Record::Mode {
            of: whose.clone(),
            mode,
        };
        if self.journal.get().is_some() {
            self.note(std::slice::from_ref(&record))?;
        }
        lock(&self.opened).push(Opened { whose, mode });
        dir.set_mode(mode | 0o700)
    }

    /// Shuts again those that were opened for us and that `which` selects. Errors do not stop it.
    pub(super) fn put_modes_back(&self, which: impl Fn(&Whose) -> bool) -> Vec<Error> {
        let mut opened = lock(&self.opened);
        let (now, later): (Vec<_>, Vec<_>) =
            opened.drain(..).partition(|opened| which(&opened.whose));
        *opened = later;
        let root = &self.destination.root;
        let put_back = |opened: &Opened| {
            let cause = recovery::put_right(root, &opened.record(), Written::ThisBoot).err()?;
            let whole = self.destination.at(&opened.whose.path);
            Some(Error::io("set mode of", whole, cause))
        };
        now.iter().rev().filter_map(put_back).collect()
    }
}
