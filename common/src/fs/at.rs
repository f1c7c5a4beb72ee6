//! One name in a directory that we hold open.

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::io::{Errno, Result};

use super::{Attributes, Dir, FileId};

/// A single name, never a path, in an open directory.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// The directory.
    pub dir: &'a Dir,
    /// The name in it.
    pub name: &'a CStr,
}

impl<'a> At<'a> {
    /// `name` in `dir`.
    #[must_use]
    pub fn new(dir: &'a Dir, name: &'a CStr) -> Self {
        Self { dir, name }
    }

    /// The attributes of the name itself. It does not follow a link.
    pub fn stat(self) -> Result<Attributes> {
        self.dir.stat_name(self.name)
    }

    /// The attributes if the name still stands for `file`; `None` if it is gone or stands for another file.
    pub fn find(self, file: FileId) -> Result<Option<Attributes>> {
        match self.stat() {
            Ok(there) => Ok(file.is(&there, self.dir)?.then_some(there)),
            Err(Errno::NOENT) => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    /// Gives the inode behind the name a second name. EEXIST if `to` is taken.
    pub fn link(self, to: At<'_>) -> Result<()> {
        self.dir.link(self.name, to.dir, to.name)
    }

    /// rename(2): it replaces a file, or a directory that is empty.
    pub fn rename_over(self, to: At<'_>) -> Result<()> {
        rustix::fs::renameat(self.dir, self.name, to.dir, to.name)
    }
}

/// A name for calls that take a C string. EINVAL if it holds a NUL byte.
pub fn c_name(name: &OsStr) -> Result<CString> {
    CString::new(name.as_bytes()).map_err(|_| Errno::INVAL)
}

/// A name from a call, as part of a path.
#[must_use]
pub fn as_os(name: &CStr) -> &OsStr {
    OsStr::from_bytes(name.to_bytes())
}

/// Splits a path into the directory that holds it and its last name.
pub fn split(path: &Path) -> Result<(&Path, CString)> {
    let parent = path.parent().unwrap_or(Path::new(""));
    Ok((parent, c_name(path.file_name().unwrap_or_default())?))
}
