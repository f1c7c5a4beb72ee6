//! Link groups of an image that have to be made again in DEST.
//!
//! A hard link keeps a group by itself. A copy does not, and neither does a link if DEST has an equal file under one of
//! the names. So each such group has a name in the staging, which the other names are linked from. Nobody else changes
//! that name, whatever happens to the names in DEST.

use std::collections::HashMap;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use common::fs::{FileId, Identity};
use common::lock;

use crate::plan::Anchor;

/// The groups of one transaction, by their inode in the image.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    known: Mutex<HashMap<Identity, Arc<Mutex<Group>>>>,
    any: AtomicBool,
}

/// What the names of a group are linked from.
#[derive(Debug, Clone, Default)]
pub(crate) enum Group {
    /// Nothing yet.
    #[default]
    New,
    /// A name in the staging of a volume.
    Staged { volume: Arc<PathBuf>, name: CString },
    /// An equal file of DEST or of an earlier image, if its name still stands for it.
    Held(Held),
    /// It cannot be linked: each name gets a file of its own.
    Split,
}

/// An equal file, as it was compared.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// The image that has it, and its directory there; `None` if DEST has it.
    pub(crate) from: Option<(usize, PathBuf)>,
    pub(crate) place: PathBuf,
    pub(crate) name: CString,
    pub(crate) volume: Arc<PathBuf>,
    pub(crate) id: FileId,
}

impl Groups {
    /// Adds the groups that have an equal file in DEST or in an earlier image.
    pub(crate) fn hold(&self, anchors: &[Anchor]) {
        for anchor in anchors {
            let dir = || anchor.path.parent().unwrap_or(Path::new("")).to_owned();
            let held = Group::Held(Held {
                from: anchor.image.map(|image| (image, dir())),
                place: anchor.place.clone(),
                name: anchor.name.clone(),
                volume: anchor.volume.clone(),
                id: anchor.held,
            });
            let mut known = lock(&self.known);
            known
                .entry(anchor.member)
                .or_insert_with(|| Arc::new(Mutex::new(held)));
            self.any.store(true, Ordering::Relaxed);
        }
    }

    /// The group of `member`, if there is one.
    pub(crate) fn known(&self, member: Identity) -> Option<Arc<Mutex<Group>>> {
        // Most merges have none: they take no lock for each file.
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        lock(&self.known).get(&member).cloned()
    }

    /// The group of `member`, made if there is none. The thread that locks it first makes the first copy.
    pub(crate) fn of(&self, member: Identity) -> Arc<Mutex<Group>> {
        self.any.store(true, Ordering::Relaxed);
        lock(&self.known).entry(member).or_default().clone()
    }
}
