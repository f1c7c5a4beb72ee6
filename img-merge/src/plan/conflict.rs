//! A path that two sides hold differently.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use common::show;

use common::fs::{Attributes, Kind};

/// In what two things of the same path differ; where in several, the first of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A directory against something else.
    Directory,
    /// A directory against a symlink to one.
    ThroughSymlink,
    Type,
    Content,
    Target,
    Mode,
    Owner,
    Xattr,
}

impl Class {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::ThroughSymlink => "through-symlink",
            Self::Type => "type",
            Self::Content => "content",
            Self::Target => "symlink-target",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Xattr => "xattr",
        }
    }
}

/// What was decided on a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Kept,
    Replaced,
}

/// One conflict.
#[derive(Debug, Clone)]
pub(crate) struct Conflict {
    pub(crate) path: PathBuf,
    pub(crate) class: Class,
    /// The image that brings it, by its place in declared order.
    pub(crate) image: usize,
    pub(crate) brought: Side,
    pub(crate) held: Side,
    /// Nothing: it stands, and the transaction is refused.
    pub(crate) decision: Option<Decision>,
}

/// One side of a conflict.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    /// The image's path, or DEST's.
    pub(crate) root: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
}

impl Side {
    pub(crate) fn new(root: &Path, it: &Attributes) -> Self {
        Self {
            root: root.to_owned(),
            kind: it.kind,
            mode: it.mode,
            uid: it.uid,
            gid: it.gid,
            size: it.size,
        }
    }
}

impl Display for Side {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (root, kind) = (show::path(&self.root), self.kind.word());
        write!(f, "{root} has a {kind}")?;
        if self.kind != Kind::Symlink {
            write!(f, " {:04o}", self.mode)?;
        }
        write!(f, " {}:{}", self.uid, self.gid)?;
        if self.kind == Kind::File {
            write!(f, " of {} bytes", self.size)?;
        }
        Ok(())
    }
}

/// `merge usr/bin/foo: conflict (mode): A has a file …, B has a file …`.
impl Display for Conflict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let path = if self.path.as_os_str().is_empty() {
            show::path(Path::new("."))
        } else {
            show::path(&self.path)
        };
        let (class, brought, held) = (self.class.word(), &self.brought, &self.held);
        write!(f, "merge {path}: conflict ({class}): {brought}, {held}")
    }
}
