//! Link groups that have to be made again: the names of one inode of an image.
//!
//! A link keeps a group by itself. A copy does not, and neither does a link if DEST has an equal file
//! under one of the names already. So the first name that is copied gets a second one in the staging, from
//! which the others are linked; and a group of which DEST has one gets its second name from there. What has
//! its name in the staging is ours to link from, whatever becomes of the names in DEST.

use std::collections::HashMap;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::plan::Anchor;
use common::fs::{FileId, Identity};

/// The groups of one transaction, by their inode in the image.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    known: Mutex<HashMap<Identity, Arc<Mutex<Group>>>>,
    any: AtomicBool,
}

/// Where a name of the group can be linked from.
#[derive(Debug, Clone, Default)]
pub(crate) enum Group {
    /// Nowhere yet.
    #[default]
    New,
    /// A name in the staging of a volume.
    Staged { volume: Arc<PathBuf>, name: CString },
    /// An equal file of DEST or of an image before, as long as its name stands for it.
    Held(Held),
    /// It cannot be linked any more: each name is on its own.
    Split,
}

/// A name in DEST, and what it stood for when it was compared.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// The image that brings it, and its directory there; nothing where DEST has it.
    pub(crate) from: Option<(usize, PathBuf)>,
    pub(crate) place: PathBuf,
    pub(crate) name: CString,
    pub(crate) volume: Arc<PathBuf>,
    pub(crate) it: FileId,
}

impl Groups {
    pub(crate) fn hold(&self, anchors: &[Anchor]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for anchor in anchors {
            let around = || anchor.path.parent().unwrap_or(Path::new("")).to_owned();
            let held = Group::Held(Held {
                from: anchor.image.map(|image| (image, around())),
                place: anchor.place.clone(),
                name: anchor.name.clone(),
                volume: anchor.volume.clone(),
                it: anchor.held,
            });
            known
                .entry(anchor.member)
                .or_insert_with(|| Arc::new(Mutex::new(held)));
            self.any.store(true, Ordering::Relaxed);
        }
    }

    /// The group of `member` if one is known.
    pub(crate) fn known(&self, member: Identity) -> Option<Arc<Mutex<Group>>> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&member).cloned()
    }

    /// The group of `member`, a new one if need be. Whoever locks it first makes the first copy.
    pub(crate) fn of(&self, member: Identity) -> Arc<Mutex<Group>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.any.store(true, Ordering::Relaxed);
        known.entry(member).or_default().clone()
    }
}
