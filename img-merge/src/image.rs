//! An image as it is named and held open.

use std::path::{Path, PathBuf};

use common::{Error, Result};

use crate::fs::{Attributes, Dir};

/// One image of a transaction.
#[derive(Debug)]
pub(crate) struct Image {
    /// As it was named.
    pub(crate) path: PathBuf,
    pub(crate) root: Dir,
    pub(crate) attributes: Attributes,
}

impl Image {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |cause| Error::io("open image", path, cause);
        let root = Dir::named(path).map_err(failed)?;
        let attributes = root.stat().map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            root,
            attributes,
        })
    }
}
