//! What a run did: sums, and where they are wanted the paths.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use crate::settings::Method;
use common::fs::Kind;
use common::fs::xattrs::Lost;

/// One path of an image and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) path: PathBuf,
    pub(crate) image: usize,
    pub(crate) kind: Kind,
    pub(crate) what: What,
}

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// It was brought.
    Brought {
        method: Method,
        why: Option<Errno>,
        replaced: bool,
    },
    /// A whole directory was renamed.
    MovedTree,
    /// A directory was made.
    MadeDirectory,
    /// A directory that was there already.
    JoinedDirectory,
    There,
    Same,
    Kept,
    Outdone,
}

/// The sums of one transaction, and its paths if somebody asked for them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    brought: [AtomicU64; 4],
    pub(crate) directories: AtomicU64,
    /// Directories that exist and got an image's metadata.
    pub(crate) dressed: AtomicU64,
    pub(crate) trees: AtomicU64,
    pub(crate) replaced: AtomicU64,
    pub(crate) splits: AtomicU64,
    inner: Mutex<Inner>,
    wants_paths: bool,
}

/// Why how many files were not brought by the asked method, and by which instead.
pub(crate) type Fallbacks = BTreeMap<(Method, i32), u64>;

/// Takes the counts of `part` from those of `sums`.
fn subtract<K: Ord>(sums: &mut BTreeMap<K, u64>, part: &BTreeMap<K, u64>) {
    for (key, count) in part {
        if let Some(sum) = sums.get_mut(key) {
            *sum = sum.saturating_sub(*count);
        }
    }
    sums.retain(|_, sum| *sum > 0);
}

#[derive(Debug, Default)]
struct Inner {
    fallbacks: Fallbacks,
    lost: BTreeMap<(CString, i32), u64>,
    paths: Vec<Told>,
}

impl Tally {
    pub(crate) fn new(wants_paths: bool) -> Self {
        Self {
            wants_paths,
            ..Self::default()
        }
    }

    pub(crate) fn tell(&self, told: impl FnOnce() -> Told) {
        if self.wants_paths {
            self.lock().paths.push(told());
        }
    }

    pub(crate) fn brought(&self, method: Method, why: Option<Errno>) {
        self.brought[method as usize].fetch_add(1, Ordering::Relaxed);
        if let Some(why) = why {
            *self
                .lock()
                .fallbacks
                .entry((method, why.raw_os_error()))
                .or_default() += 1;
        }
    }

    /// Many files that were linked at once.
    pub(crate) fn linked(&self, files: u64) {
        self.brought[Method::Link as usize].fetch_add(files, Ordering::Relaxed);
    }

    pub(crate) fn directory(&self, told: impl FnOnce() -> Told) {
        self.directories.fetch_add(1, Ordering::Relaxed);
        self.tell(told);
    }

    pub(crate) fn dressed(&self) {
        self.dressed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn tree(&self) {
        self.trees.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn replaced(&self) {
        self.replaced.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn split_group(&self) {
        self.splits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn lost(&self, lost: &[Lost]) {
        for Lost { name, cause } in lost {
            *self
                .lock()
                .lost
                .entry((name.clone(), cause.raw_os_error()))
                .or_default() += 1;
        }
    }

    /// Takes back what `built` counted of a subtree, and what was told of it: it did not get its place.
    pub(crate) fn take_back(&self, built: &Self, image: usize, path: &Path) {
        let less = |sum: &AtomicU64, part: &AtomicU64| {
            sum.fetch_sub(part.load(Ordering::Relaxed), Ordering::Relaxed);
        };
        for (sum, part) in self.brought.iter().zip(&built.brought) {
            less(sum, part);
        }
        less(&self.directories, &built.directories);
        let mut inner = self.lock();
        subtract(&mut inner.fallbacks, &built.lock().fallbacks);
        subtract(&mut inner.lost, &built.lock().lost);
        let stays = |told: &Told| told.image != image || !told.path.starts_with(path);
        inner.paths.retain(stays);
    }

    /// The files that were brought and the directories that were made or renamed, so far.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let files = self.brought.iter().map(count).sum();
        (files, count(&self.directories) + count(&self.trees))
    }

    pub(crate) fn by(&self, method: Method) -> u64 {
        self.brought[method as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn fallbacks(&self) -> Fallbacks {
        self.lock().fallbacks.clone()
    }

    pub(crate) fn lost_attributes(&self) -> BTreeMap<(CString, i32), u64> {
        self.lock().lost.clone()
    }

    /// The paths, in no order.
    pub(crate) fn take_paths(&self) -> Vec<Told> {
        std::mem::take(&mut self.lock().paths)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
