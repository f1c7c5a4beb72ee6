//! The plan of one transaction: what the images bring and what DEST holds, joined.
//!
//! A plan is data. It has two interpreters: [`crate::act`] carries it out and [`print`] shows it.
//! It has one [`DirStep`] for each directory that was looked into, which are the directories that exist
//! on two sides. A subtree that only one image has is one [`Step`], whatever is below it.

mod compare;
mod conflict;
mod dirs;
mod discards;
mod merge_names;
mod print;
mod resolve;
mod scan;
mod shared;

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::Timespec;

pub(crate) use conflict::{Class, Conflict, Decision, Side};
pub(crate) use print::print;
pub(crate) use scan::{Names, Scan, Trusted, as_os};

use common::fs::{Attributes, FileId, Identity, Kind};

/// What a transaction is to do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Sorted by path, so that each directory comes after the one that holds it.
    pub(crate) dirs: Vec<DirStep>,
    /// What stands against it, or under `--on-conflict=keep` and `replace` what was decided, in
    /// declared order and then by path.
    pub(crate) conflicts: Vec<Conflict>,
    /// Names that DEST holds of link groups in the images.
    pub(crate) anchors: Vec<Anchor>,
}

/// How many names need nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) there: u64,
    pub(crate) same: u64,
    pub(crate) kept: u64,
}

impl Counts {
    pub(crate) fn count(&mut self, act: Act) {
        match act {
            Act::There => self.there += 1,
            Act::Same => self.same += 1,
            Act::Kept => self.kept += 1,
            Act::Place | Act::Replace(_) | Act::Outdone => {}
        }
    }

    pub(crate) fn add(&mut self, more: &Self) {
        self.there += more.there;
        self.same += more.same;
        self.kept += more.kept;
    }
}

/// One directory that exists on two sides at least.
#[derive(Debug)]
pub(crate) struct DirStep {
    /// Below the images.
    pub(crate) path: PathBuf,
    /// Below DEST; another than `path` only behind a symlink that was passed through.
    pub(crate) place: PathBuf,
    /// The topmost directory of DEST on the same file system, below DEST.
    pub(crate) volume: Arc<PathBuf>,
    /// What DEST has there; nothing where it is to be made.
    pub(crate) found: Option<Attributes>,
    /// The images that have it.
    pub(crate) images: Vec<(usize, Attributes)>,
    /// The image whose owner, mode and xattrs it gets; nothing where DEST's stay.
    pub(crate) metadata_from: Option<usize>,
    /// The modification time that it gets.
    pub(crate) modified: Timespec,
    pub(crate) names: Vec<Step>,
    pub(crate) counts: Counts,
    /// Whether a step before this one sees to the directory itself.
    pub(crate) again: bool,
}

/// One name of one image.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: CString,
    pub(crate) image: usize,
    pub(crate) kind: Kind,
    /// As readdir told it: an image's link group is known by it.
    pub(crate) inode: u64,
    pub(crate) act: Act,
    /// Whether an image before it has the name too, and something else there.
    pub(crate) outdoes: bool,
    /// As it was when it was compared, where it was: what has changed since is not what was planned with.
    pub(crate) seen: Option<Seen>,
    /// The directories of a subtree that is to be discarded, below the image, with the times they had: a
    /// name that comes late changes that of its directory.
    pub(crate) discards: Vec<(PathBuf, Timespec)>,
}

/// What tells that a file was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    size: u64,
    modified: (i64, i64),
}

impl Seen {
    pub(crate) fn of(it: &Attributes) -> Self {
        let modified = (it.modified.tv_sec, it.modified.tv_nsec);
        let size = it.size;
        Self { size, modified }
    }
}

/// What is to be done for a name of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Bring it; DEST has no such name. A directory is brought with all that is in it.
    Place,
    /// Bring it in the place of DEST's.
    Replace(FileId),
    /// Nothing: DEST has the same inode.
    There,
    /// Nothing: DEST, or an image before, has its equal.
    Same,
    /// Nothing: DEST's, or that of an image before, stays.
    Kept,
    /// Nothing: that of a later image takes its place.
    Outdone,
}

/// A name in DEST, or in an image before, that is equal to a member of a link group in an image.
#[derive(Debug)]
pub(crate) struct Anchor {
    /// The member's inode in the image.
    pub(crate) member: Identity,
    /// How many names the member has.
    pub(crate) links: u32,
    /// The image that brings the equal; nothing where DEST has it.
    pub(crate) image: Option<usize>,
    /// The member's path in the image.
    pub(crate) path: PathBuf,
    /// The directory in DEST.
    pub(crate) place: PathBuf,
    pub(crate) name: CString,
    /// The file system of DEST that it is on.
    pub(crate) volume: Arc<PathBuf>,
    /// What DEST holds there: the name may stand for another by the time it is linked.
    pub(crate) held: FileId,
}

impl Plan {
    pub(crate) fn sort(&mut self) {
        self.dirs.sort_by(|a, b| a.path.cmp(&b.path));
        self.conflicts
            .sort_by(|a, b| (a.image, &a.path).cmp(&(b.image, &b.path)));
        self.anchors.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// Takes out what was planned for `path` and everything below it.
    pub(crate) fn forget(&mut self, path: &Path) {
        self.dirs.retain(|step| !step.path.starts_with(path));
        self.conflicts
            .retain(|conflict| !conflict.path.starts_with(path));
        self.anchors.retain(|anchor| !anchor.path.starts_with(path));
    }

    /// What it says of the images but the first `count`.
    pub(crate) fn without_first(mut self, count: usize) -> Self {
        if count == 0 {
            return self;
        }
        for step in &mut self.dirs {
            step.images.retain(|(image, _)| *image >= count);
            step.images
                .iter_mut()
                .for_each(|(image, _)| *image -= count);
            step.names.retain(|name| name.image >= count);
            step.counts = Counts::default();
            for name in &mut step.names {
                name.image -= count;
                step.counts.count(name.act);
            }
        }
        self.conflicts.retain(|conflict| conflict.image >= count);
        self.conflicts.iter_mut().for_each(|c| c.image -= count);
        self
    }

    /// How many names need nothing.
    pub(crate) fn counts(&self) -> Counts {
        let mut sums = Counts::default();
        for step in &self.dirs {
            sums.add(&step.counts);
        }
        sums
    }

    /// Whether the conflicts forbid to carry it out.
    pub(crate) fn is_refused(&self) -> bool {
        self.conflicts
            .iter()
            .any(|conflict| conflict.decision.is_none())
    }
}

impl Step {
    /// Whether a whole directory is brought.
    pub(crate) fn is_tree(&self) -> bool {
        self.act == Act::Place && self.kind.is_dir()
    }

    /// Whether DEST gets or changes the name.
    pub(crate) fn changes(&self) -> bool {
        matches!(self.act, Act::Place | Act::Replace(_))
    }
}

impl DirStep {
    /// Whether a step adds or removes a name of the directory in DEST.
    pub(crate) fn adds_names(&self) -> bool {
        self.names.iter().any(Step::changes)
    }
}
