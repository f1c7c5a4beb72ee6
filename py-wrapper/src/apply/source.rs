//! A file that something is made of: open, with its metadata and its whole content.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use common::{Error, Result};
use rustix::fs::Stat;

use super::files;
use crate::image::dir::Dir;

#[derive(Debug)]
pub(crate) struct Source {
    pub(super) file: File,
    pub(super) stat: Stat,
    pub(crate) content: Vec<u8>,
    /// Whether it is a part of the image: only then what is made of it gets its owner, mode and attributes.
    pub(crate) is_part: bool,
}

impl Source {
    /// A file of an image.
    pub(super) fn in_dir(dir: &Dir, name: &OsStr) -> Result<Self> {
        Self::read(dir.open(name)?, &dir.at(name), true)
    }

    /// A file from anywhere.
    pub(crate) fn open(path: &Path, is_part: bool) -> Result<Self> {
        let file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
        Self::read(file, path, is_part)
    }

    fn read(mut file: File, path: &Path, is_part: bool) -> Result<Self> {
        let stat = files::stat(&file, path)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)
            .map_err(|cause| Error::io("read", path, cause))?;
        Ok(Self {
            file,
            stat,
            content,
            is_part,
        })
    }

    /// Equal for the names of one file.
    pub(super) fn inode(&self) -> (u64, u64) {
        (self.stat.st_dev, self.stat.st_ino)
    }
}
