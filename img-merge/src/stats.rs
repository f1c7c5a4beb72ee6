//! What a run did: totals, and every path if the report needs them.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use common::fs::{Kind, Lost};
use rustix::io::Errno;

use crate::settings::Method;

/// One path of an image, and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct PathEvent {
    pub(crate) path: PathBuf,
    pub(crate) image: usize,
    pub(crate) kind: Kind,
    pub(crate) what: What,
}

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// DEST got it.
    Placed {
        method: Method,
        why: Option<Errno>,
        replaced: bool,
    },
    /// A whole directory was renamed.
    MovedTree,
    /// A directory was made.
    MadeDirectory,
    /// DEST had the directory already.
    JoinedDirectory,
    There,
    Same,
    Kept,
    Superseded,
}

impl PathEvent {
    pub(crate) fn new(path: PathBuf, image: usize, kind: Kind, what: What) -> Self {
        Self {
            path,
            image,
            kind,
            what,
        }
    }
}

impl What {
    pub(crate) fn placed(placed: &Placed, replaced: bool) -> Self {
        Self::Placed {
            method: placed.method,
            why: placed.why,
            replaced,
        }
    }
}

/// How one file got to its place.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) method: Method,
    /// Why not by the method that was asked for.
    pub(crate) why: Option<Errno>,
    pub(crate) lost: Vec<Lost>,
}

impl Placed {
    /// Placed with everything that it has.
    pub(crate) fn new(method: Method, why: Option<Errno>) -> Self {
        let lost = Vec::new();
        Self { method, why, lost }
    }
}

/// How many files got to DEST by another method than the one asked for, and why.
pub(crate) type Fallbacks = BTreeMap<(Method, i32), u64>;

/// Totals that can be added up: of a directory, a tree, a transaction, a run.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    files: [u64; Method::ALL.len()],
    pub(crate) fallbacks: Fallbacks,
    /// Attributes that could not be set, by name and cause.
    pub(crate) lost: BTreeMap<(CString, i32), u64>,
    /// Directories made.
    pub(crate) directories: u64,
    /// Directories that DEST had and that got an image's metadata.
    pub(crate) metadata_changed: u64,
    /// Directories renamed whole.
    pub(crate) trees: u64,
    pub(crate) replaced: u64,
    pub(crate) split_groups: u64,
    pub(crate) paths: Vec<PathEvent>,
}

impl Stats {
    pub(crate) fn place(&mut self, placed: &Placed) {
        self.files[placed.method as usize] += 1;
        if let Some(why) = placed.why {
            let key = (placed.method, why.raw_os_error());
            *self.fallbacks.entry(key).or_default() += 1;
        }
        self.lose(&placed.lost);
    }

    pub(crate) fn lose(&mut self, lost: &[Lost]) {
        for Lost { name, cause } in lost {
            let key = (name.clone(), cause.raw_os_error());
            *self.lost.entry(key).or_default() += 1;
        }
    }

    pub(crate) fn by(&self, method: Method) -> u64 {
        self.files[method as usize]
    }

    pub(crate) fn all_files(&self) -> u64 {
        self.files.iter().sum()
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.add_totals(&more);
        self.paths.extend(more.paths);
    }

    /// Adds everything but the paths.
    pub(crate) fn add_totals(&mut self, more: &Self) {
        for (total, part) in self.files.iter_mut().zip(more.files) {
            *total += part;
        }
        for (key, count) in &more.fallbacks {
            *self.fallbacks.entry(*key).or_default() += count;
        }
        for (key, count) in &more.lost {
            *self.lost.entry(key.clone()).or_default() += count;
        }
        self.directories += more.directories;
        self.metadata_changed += more.metadata_changed;
        self.trees += more.trees;
        self.replaced += more.replaced;
        self.split_groups += more.split_groups;
    }
}

/// How far a transaction has come, for the line on a terminal.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    files: AtomicU64,
    directories: AtomicU64,
}

impl Progress {
    pub(crate) fn advance(&self, files: u64, directories: u64) {
        self.files.fetch_add(files, Ordering::Relaxed);
        self.directories.fetch_add(directories, Ordering::Relaxed);
    }

    /// Files and directories so far.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        (count(&self.files), count(&self.directories))
    }
}
