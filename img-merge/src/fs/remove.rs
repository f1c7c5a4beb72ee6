//! Removes what is ours: a tree below a handle, name by name.

use std::ffi::CStr;

use rustix::io::{Errno, Result};

use super::Dir;

/// Removes `name` and everything below it. What is gone already is no error.
pub(crate) fn tree(parent: &Dir, name: &CStr) -> Result<()> {
    match parent.unlink(name) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // POSIX answers EPERM for a directory, Linux EISDIR.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(cause) => return Err(cause),
    }
    let dir = match parent.child(name) {
        Err(Errno::ACCESS) => {
            open_for_us(parent, name)?;
            parent.child(name)?
        }
        opened => opened?,
    };
    contents(&dir)?;
    parent.remove_dir(name)
}

/// Removes everything in `dir`.
pub(crate) fn contents(dir: &Dir) -> Result<()> {
    let listing = dir.list()?;
    let mut shut = true;
    for entry in listing.iter() {
        match tree(dir, entry.name) {
            // A copy of a 0555 directory that a plain user may not empty.
            Err(Errno::ACCESS) if shut => {
                shut = false;
                dir.set_mode(0o700)?;
                tree(dir, entry.name)?;
            }
            done => done?,
        }
    }
    Ok(())
}

/// Opens a directory of ours whose mode keeps us out; it is on its way out.
pub(crate) fn open_for_us(parent: &Dir, name: &CStr) -> Result<()> {
    use rustix::fs::{AtFlags, Mode, chmodat};
    chmodat(parent, name, Mode::RWXU, AtFlags::empty())
}
