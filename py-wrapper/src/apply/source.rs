//! A script that files are made of: open, with its attributes and its whole content.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

use common::fs::{Attributes, XattrTarget};
use common::{Error, Result};

use crate::image::Folder;
use crate::plan::Origin;

#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: File,
    pub(super) it: Attributes,
    pub(super) content: Vec<u8>,
    /// Whether it is a part of the image. Only then the files that are made of it get its owner, mode and attributes.
    pub(super) is_part: bool,
}

impl Source {
    /// Opens the file of `origin`, which is `name` in `bindir` if it is in the image.
    pub(super) fn open(origin: &Origin, bindir: &Folder, name: &OsStr) -> Result<Self> {
        match origin {
            Origin::Image => Self::read(bindir.open(name)?, &bindir.path(name), true),
            Origin::File(path) => {
                let file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
                Self::read(file, path, false)
            }
        }
    }

    fn read(mut file: File, path: &Path, is_part: bool) -> Result<Self> {
        let it = XattrTarget::Open(file.as_fd()).stat();
        let it = it.map_err(|cause| Error::io("stat", path, cause))?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)
            .map_err(|cause| Error::io("read", path, cause))?;
        Ok(Self {
            file,
            it,
            content,
            is_part,
        })
    }
}
