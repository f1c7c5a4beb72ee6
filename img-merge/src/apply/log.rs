//! The log of what a transaction did, in its order, as far as an undo needs it.

use std::collections::HashMap;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use common::fs::{Attributes, FileId, Xattrs, as_os};
use common::lock;

/// A name that was given in DEST.
#[derive(Debug)]
pub(crate) struct Done {
    /// The directory, below DEST.
    pub(crate) place: Arc<PathBuf>,
    pub(crate) name: CString,
    /// What got the name.
    pub(crate) id: FileId,
    pub(crate) how: How,
}

/// How it was given.
#[derive(Debug)]
pub(crate) enum How {
    /// A directory that several images have was made.
    Made,
    /// A file was linked, or published from the staging.
    Placed,
    /// A tree was built and published.
    Built {
        image: usize,
        /// The directory in the image that holds its source.
        path: Arc<PathBuf>,
    },
    /// It was renamed out of an image.
    Moved { image: usize, path: Arc<PathBuf> },
    /// It replaced another file, which is in the staging under `staged`.
    Replaced {
        staged: CString,
        volume: Arc<PathBuf>,
    },
}

impl Done {
    /// Below DEST.
    pub(crate) fn path(&self) -> PathBuf {
        self.place.join(as_os(&self.name))
    }
}

/// A directory of DEST that got an image's metadata, and what it had.
#[derive(Debug)]
pub(crate) struct ChangedMetadata {
    pub(crate) place: PathBuf,
    pub(crate) attributes: Attributes,
    pub(crate) xattrs: Xattrs,
}

/// Everything that was done.
#[derive(Debug, Default)]
pub(crate) struct Log {
    done: Mutex<Vec<Done>>,
    metadata_changed: Mutex<Vec<ChangedMetadata>>,
    /// Directories that were made, by their place.
    made: Mutex<HashMap<PathBuf, FileId>>,
}

impl Log {
    pub(crate) fn add(&self, done: Done) {
        if matches!(done.how, How::Made) {
            lock(&self.made).insert(done.path(), done.id);
        }
        lock(&self.done).push(done);
    }

    pub(crate) fn add_changed_metadata(&self, metadata_changed: ChangedMetadata) {
        lock(&self.metadata_changed).push(metadata_changed);
    }

    /// The directory that was made at `place`.
    pub(crate) fn made(&self, place: &Path) -> Option<FileId> {
        lock(&self.made).get(place).copied()
    }

    pub(crate) fn take(&self) -> Vec<Done> {
        std::mem::take(&mut *lock(&self.done))
    }

    pub(crate) fn take_changed_metadata(&self) -> Vec<ChangedMetadata> {
        std::mem::take(&mut *lock(&self.metadata_changed))
    }

    /// The names that were renamed out of images: image, directory there, name.
    pub(crate) fn moved(&self) -> Vec<(usize, Arc<PathBuf>, CString)> {
        let done = lock(&self.done);
        let moved = done.iter().filter_map(|done| match &done.how {
            How::Moved { image, path } => Some((*image, path.clone(), done.name.clone())),
            _ => None,
        });
        moved.collect()
    }
}
