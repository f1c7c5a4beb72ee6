//! An image: its name and an open handle.

use std::path::{Path, PathBuf};

use common::fs::{Attributes, Dir};
use common::{Error, Result};

/// One image of a transaction.
#[derive(Debug)]
pub(crate) struct Image {
    /// As the user named it.
    pub(crate) path: PathBuf,
    /// From the root of the file system: the journal is read in another working directory.
    absolute: PathBuf,
    pub(crate) root: Dir,
    pub(crate) attributes: Attributes,
}

impl Image {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |cause| Error::io("open image", path, cause);
        let root = Dir::named(path).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            absolute: std::path::absolute(path)
                .map_err(|cause| Error::io("open image", path, cause))?,
            attributes: root.stat().map_err(failed)?,
            root,
        })
    }

    /// A path in the image as the journal has it.
    pub(crate) fn absolute(&self, path: &Path) -> PathBuf {
        below(&self.absolute, path)
    }

    /// A path in the image as messages have it.
    pub(crate) fn at(&self, path: &Path) -> PathBuf {
        below(&self.path, path)
    }
}

/// `path` below `root`. Joining an empty path would add a slash.
pub(crate) fn below(root: &Path, path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() {
        root.to_owned()
    } else {
        root.join(path)
    }
}
