//! A file that others are made of: open, with its attributes and its whole content.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

use common::fs::{Attributes, XattrTarget};
use common::{Error, Result};

use super::folder::Folder;

/// The file, as it was when it was opened.
#[derive(Debug)]
pub(crate) struct Source {
    file: File,
    pub(crate) stat: Attributes,
    pub(crate) content: Vec<u8>,
    /// Whether it is a part of the image. Only then its copies get its owner, mode and extended attributes.
    pub(crate) is_part: bool,
}

impl Source {
    /// A file of the image.
    pub(crate) fn in_folder(folder: &Folder, name: &OsStr) -> Result<Self> {
        let file = folder.open_file(name).map_err(folder.fail("open", name))?;
        Self::read(file, &folder.at(name), true)
    }

    /// A file from anywhere.
    pub(crate) fn open(path: &Path, is_part: bool) -> Result<Self> {
        let file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
        Self::read(file, path, is_part)
    }

    fn read(mut file: File, path: &Path, is_part: bool) -> Result<Self> {
        let stat = XattrTarget::Open(file.as_fd()).stat();
        let stat = stat.map_err(|cause| Error::io("stat", path, cause))?;
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

    /// The open file, to read its extended attributes.
    pub(crate) fn target(&self) -> XattrTarget<'_> {
        XattrTarget::Open(self.file.as_fd())
    }
}
