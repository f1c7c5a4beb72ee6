//! A directory below a root, where the root itself need not be opened once more.

use std::ops::Deref;
use std::path::Path;

use rustix::io::Result;

use super::Dir;

/// A directory to act in. Names in it are not listed by such a handle: that of a root has one place in its
/// listing for all.
#[derive(Debug)]
pub enum Handle<'a> {
    /// The root, which is held open as long as the transaction lasts.
    Held(&'a Dir),
    /// One below it, opened for us.
    Own(Dir),
}

impl<'a> Handle<'a> {
    /// `path` beneath `root`, no name of which may be a link.
    pub fn beneath(root: &'a Dir, path: &Path) -> Result<Self> {
        if path.as_os_str().is_empty() {
            return Ok(Self::Held(root));
        }
        root.beneath(path).map(Self::Own)
    }
}

impl Deref for Handle<'_> {
    type Target = Dir;

    fn deref(&self) -> &Dir {
        match self {
            Self::Held(root) => root,
            Self::Own(dir) => dir,
        }
    }
}
