//! An image as it is named and held open.

use std::path::{Path, PathBuf};

use common::{Error, Result};

use crate::destination::below;
use common::fs::{Attributes, Dir};

/// One image of a transaction.
#[derive(Debug)]
pub(crate) struct Image {
    /// As it was named.
    pub(crate) path: PathBuf,
    /// The same from the root of the file system, for those who may run elsewhere.
    pub(crate) absolute: PathBuf,
    pub(crate) root: Dir,
    pub(crate) attributes: Attributes,
}

impl Image {
    /// A path of the image as the journal has it.
    pub(crate) fn below(&self, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() {
            self.absolute.clone()
        } else {
            self.absolute.join(path)
        }
    }

    /// What messages call a path in it.
    pub(crate) fn at(&self, path: &Path) -> PathBuf {
        below(&self.path, path)
    }

    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |cause| Error::io("open image", path, cause);
        let root = Dir::named(path).map_err(failed)?;
        let attributes = root.stat().map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            absolute: std::path::absolute(path)
                .map_err(|cause| Error::io("open image", path, cause))?,
            root,
            attributes,
        })
    }
}
