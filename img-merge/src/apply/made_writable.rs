//! Read-only directories of our own that are writable for the time of the merge.
//!
//! Root needs none of this. A plain user who owns a directory with mode 0555 cannot add names to it.

use std::path::Path;
use std::sync::Mutex;

use common::fs::{Attributes, FileId};
use common::{Error, lock};

use crate::destination::Destination;
use crate::image::below;
use crate::journal::Record;
use crate::journal::replay::restore_directory;

/// The directories, each as a record of the mode that it is to have again.
#[derive(Debug, Default)]
pub(crate) struct MadeWritable(Mutex<Vec<Record>>);

impl MadeWritable {
    pub(crate) fn has(&self, record: &Record) -> bool {
        lock(&self.0).contains(record)
    }

    /// Adds a directory that is about to be made writable. The journal has to have `record` already.
    pub(crate) fn add(&self, record: Record) {
        lock(&self.0).push(record);
    }

    /// Another mode is to be set at the end. `None`: none, because it has its mode now.
    pub(crate) fn change(&self, dir: &Attributes, to: Option<Record>) {
        let mut all = lock(&self.0);
        let inode = FileId::of(dir).identity;
        all.retain(|it| !matches!(it, Record::Mode { id, .. } if id.identity == inode));
        all.extend(to);
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        lock(&self.0).clone()
    }

    /// Gives those directories that `which` selects their modes back. Errors do not stop it.
    pub(crate) fn give_modes_back(
        &self,
        destination: &Destination,
        which: impl Fn(&Path) -> bool,
    ) -> Vec<Error> {
        let mut all = lock(&self.0);
        let (now, later): (Vec<_>, Vec<_>) = all.drain(..).partition(|it| which(it.path()));
        *all = later;
        let give_back = |record: &Record| {
            let cause = restore_directory(&destination.root, record).err()?;
            let whole = below(&destination.path, record.path());
            Some(Error::io("set mode of", whole, cause))
        };
        now.iter().rev().filter_map(give_back).collect()
    }
}
