//! A conflict: a path that two sides hold differently.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use common::fs::{Attributes, Kind};
use common::show;

use crate::inputs::Inputs;
use crate::settings::OnConflict;

/// How two files of the same path differ: the first of these that applies.
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

impl Decision {
    /// The decision of `--on-conflict`; `None` refuses the transaction.
    pub(crate) fn by(policy: OnConflict) -> Option<Self> {
        match policy {
            OnConflict::Error => None,
            OnConflict::Keep => Some(Self::Kept),
            OnConflict::Replace => Some(Self::Replaced),
        }
    }
}

/// One conflict.
#[derive(Debug, Clone)]
pub(crate) struct Conflict {
    pub(crate) path: PathBuf,
    pub(crate) class: Class,
    pub(crate) image_side: Side,
    pub(crate) held: Side,
    /// `None` refuses the transaction.
    pub(crate) decision: Option<Decision>,
}

/// One side of a conflict.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    /// By its position in declared order; `None` for DEST.
    pub(crate) image: Option<usize>,
    /// The image's path, or DEST's.
    pub(crate) root: PathBuf,
    pub(crate) it: Attributes,
}

impl Side {
    pub(crate) fn new(inputs: Inputs<'_>, image: Option<usize>, it: &Attributes) -> Self {
        Self {
            image,
            root: inputs.root_of(image).to_owned(),
            it: *it,
        }
    }
}

impl Display for Side {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (root, kind) = (show::path(&self.root), self.it.kind.word());
        write!(f, "{root} has a {kind}")?;
        if self.it.kind != Kind::Symlink {
            write!(f, " {:04o}", self.it.mode)?;
        }
        write!(f, " {}:{}", self.it.uid, self.it.gid)?;
        if self.it.kind == Kind::File {
            write!(f, " of {} bytes", self.it.size)?;
        }
        Ok(())
    }
}

/// `merge usr/bin/foo: conflict (mode): A has a file …, B has a file …`.
impl Display for Conflict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_top = self.path.as_os_str().is_empty();
        let path = show::path(if is_top { Path::new(".") } else { &self.path });
        let (class, image_side, held) = (self.class.word(), &self.image_side, &self.held);
        write!(f, "merge {path}: conflict ({class}): {image_side}, {held}")
    }
}
