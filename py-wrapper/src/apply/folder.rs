//! A directory that is written to: open, or opened for each step.
//!
//! Scripts are in two or three directories, which stay open. Every distribution has its own directory with a
//! list, and an image may hold more of those than a process may have open (`RLIMIT_NOFILE`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Error, Result};

use crate::image::dir::{Descent, Dir};

#[derive(Debug, Clone)]
pub(super) enum Folder {
    Open(Arc<Dir>),
    /// The image, and the way in it as the installed system has it.
    Shut(Arc<Dir>, PathBuf),
}

impl From<&Arc<Dir>> for Folder {
    fn from(dir: &Arc<Dir>) -> Self {
        Self::Open(dir.clone())
    }
}

impl Folder {
    /// The open directory.
    pub(super) fn dir(&self) -> Result<Arc<Dir>> {
        match self {
            Self::Open(dir) => Ok(dir.clone()),
            Self::Shut(image, way) => descend(image, way).map(Arc::new),
        }
    }

    /// The path, for messages.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Open(dir) => dir.path().to_owned(),
            Self::Shut(image, way) => below(image, way),
        }
    }
}

/// A directory that was there before.
pub(super) fn descend(image: &Dir, way: &Path) -> Result<Dir> {
    match image.descend(way)? {
        Descent::Found(dir) => Ok(dir),
        _ => Err(Error::refused("open", below(image, way), "is gone")),
    }
}

fn below(image: &Dir, way: &Path) -> PathBuf {
    image.at(way.strip_prefix("/").unwrap_or(way))
}
