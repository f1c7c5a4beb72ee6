//! The data of a plan.

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::fs::{Attributes, FileId, Identity, Kind};
use rustix::fs::Timespec;

use super::conflict::Conflict;

/// What a transaction has to do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Sorted by path, so that each directory comes after the one that holds it.
    pub(crate) dirs: Vec<DirStep>,
    /// Conflicts that forbid it, and those that `--on-conflict` decides, in declared order and then by path.
    pub(crate) conflicts: Vec<Conflict>,
    /// Equals of members of the images' link groups.
    pub(crate) anchors: Vec<Anchor>,
}

/// How many names need no change.
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
            Act::Place | Act::Replace(_) | Act::Superseded => {}
        }
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.there += more.there;
        self.same += more.same;
        self.kept += more.kept;
    }
}

/// One directory that two or more sides have.
#[derive(Debug)]
pub(crate) struct DirStep {
    /// Below the images.
    pub(crate) path: PathBuf,
    /// Below DEST; another than `path` only behind a symlink that was passed through.
    pub(crate) place: PathBuf,
    /// The topmost directory of DEST on the same file system, below DEST.
    pub(crate) volume: Arc<PathBuf>,
    /// What DEST has there; `None` if it is to be made.
    pub(crate) found: Option<Attributes>,
    /// The images that have it.
    pub(crate) images: Vec<(usize, Attributes)>,
    /// The image whose owner, mode and xattrs it gets; `None` to keep DEST's.
    pub(crate) metadata_from: Option<usize>,
    /// The modification time that it gets.
    pub(crate) modified: Timespec,
    pub(crate) names: Vec<Step>,
    pub(crate) counts: Counts,
    /// Whether an earlier step handles the directory itself, and this one only some of its names.
    pub(crate) again: bool,
}

/// One name of one image.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: CString,
    pub(crate) image: usize,
    pub(crate) kind: Kind,
    /// As readdir gave it. Link groups are found by it.
    pub(crate) inode: u64,
    pub(crate) act: Act,
    /// Whether it takes the place of another file that an earlier image has.
    pub(crate) supersedes: bool,
    /// What it was when it was compared. A later write changes it.
    pub(crate) seen: Option<Seen>,
}

/// Size and time of a file: they show whether it was written to.
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

/// What to do for a name of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Place it: DEST has no such name. A directory comes with everything in it.
    Place,
    /// Replace DEST's file, which is this one.
    Replace(FileId),
    /// Nothing: DEST has this very inode.
    There,
    /// Nothing: DEST or an earlier image has an equal file.
    Same,
    /// Nothing: the file of DEST or of an earlier image stays.
    Kept,
    /// Nothing: the file of a later image takes its place.
    Superseded,
}

/// A name in DEST or in an earlier image that is equal to a member of a link group of an image. The other members
/// become links to it.
#[derive(Debug)]
pub(crate) struct Anchor {
    /// The member's inode in the image.
    pub(crate) member: Identity,
    /// The image that has the equal; `None` if DEST has it.
    pub(crate) image: Option<usize>,
    /// The member's path in the image.
    pub(crate) path: PathBuf,
    /// The directory in DEST.
    pub(crate) place: PathBuf,
    pub(crate) name: CString,
    /// The file system of DEST that it is on.
    pub(crate) volume: Arc<PathBuf>,
    /// The equal itself: its name may stand for another file when it is linked.
    pub(crate) held: FileId,
}

impl Plan {
    pub(crate) fn sort(&mut self) {
        self.dirs.sort_by(|a, b| a.path.cmp(&b.path));
        self.conflicts
            .sort_by(|a, b| (a.image_side.image, &a.path).cmp(&(b.image_side.image, &b.path)));
        self.anchors.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// Removes what was planned for `path` and everything below it.
    pub(crate) fn forget(&mut self, path: &Path) {
        self.dirs.retain(|step| !step.path.starts_with(path));
        self.conflicts
            .retain(|conflict| !conflict.path.starts_with(path));
        self.anchors.retain(|anchor| !anchor.path.starts_with(path));
    }

    /// How many names need no change.
    pub(crate) fn counts(&self) -> Counts {
        let mut all = Counts::default();
        for step in &self.dirs {
            all.add(step.counts);
        }
        all
    }

    /// Whether a conflict forbids to carry it out.
    pub(crate) fn is_refused(&self) -> bool {
        self.conflicts
            .iter()
            .any(|conflict| conflict.decision.is_none())
    }
}

impl Step {
    /// Whether it places a whole directory.
    pub(crate) fn is_tree(&self) -> bool {
        self.act == Act::Place && self.kind.is_dir()
    }

    /// Whether DEST gets or changes the name.
    pub(crate) fn changes(&self) -> bool {
        matches!(self.act, Act::Place | Act::Replace(_))
    }
}

impl DirStep {
    /// Whether a step adds or replaces a name of the directory in DEST.
    pub(crate) fn adds_names(&self) -> bool {
        self.names.iter().any(Step::changes)
    }

    /// What `image` has there.
    pub(crate) fn of_image(&self, image: usize) -> Option<&Attributes> {
        let mut images = self.images.iter();
        images.find_map(|(of, found)| (*of == image).then_some(found))
    }

    /// Whether anything of the directory in DEST changes.
    pub(crate) fn touches(&self) -> bool {
        let changes_itself = || match self.found {
            None => true,
            Some(found) => self.metadata_from.is_some() || found.modified != self.modified,
        };
        self.adds_names() || !self.again && changes_itself()
    }

    /// Whether it is the top of a file system in DEST, which holds a staging.
    pub(crate) fn is_top(&self) -> bool {
        self.place == *self.volume && !self.again
    }
}
