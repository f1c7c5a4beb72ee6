//! The directories of an image that are written to, by their paths on the installed system.
//!
//! Scripts are in two or three directories, which stay open. Every distribution has a directory with its own RECORD, and
//! an image may have more of those than a process may have open files (`RLIMIT_NOFILE`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Error, Result};
use rustix::io::Errno;

use crate::image::{Descent, Folder};

/// How many directories stay open: those that are opened first.
const KEPT: usize = 32;

#[derive(Debug)]
pub(super) struct Folders<'a> {
    pub(super) image: &'a Folder,
    open: HashMap<PathBuf, Arc<Folder>>,
}

impl<'a> Folders<'a> {
    pub(super) fn new(image: &'a Folder) -> Self {
        let open = HashMap::new();
        Self { image, open }
    }

    /// The directory at `way`. ENOENT if it is missing.
    pub(super) fn get(&mut self, way: &Path) -> Result<Arc<Folder>> {
        if let Some(folder) = self.open.get(way) {
            return Ok(folder.clone());
        }
        let folder = match self.image.descend(way)? {
            Descent::Found(folder) => Arc::new(folder),
            Descent::Missing => return Err(Error::io("open", self.path(way), Errno::NOENT)),
            Descent::Blocked(path, _) => return Err(Error::io("open", path, Errno::NOTDIR)),
        };
        if self.open.len() < KEPT {
            self.open.insert(way.to_owned(), folder.clone());
        }
        Ok(folder)
    }

    /// The path of an installed file in the image, for messages.
    pub(super) fn path(&self, way: &Path) -> PathBuf {
        self.image
            .path(way.strip_prefix("/").unwrap_or(way).as_os_str())
    }
}
