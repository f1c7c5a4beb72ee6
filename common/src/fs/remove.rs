//! Removes a whole tree below a handle, name by name, also where our own directories are read-only.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::{Errno, Result};

use super::{Dir, Identity};

/// Removes `name` and everything below it. A name that is gone is no error.
///
/// EBUSY at a mount point: what is mounted there is not part of the tree.
pub fn tree(parent: &Dir, name: &CStr) -> Result<()> {
    let refused = match parent.unlink(name) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // POSIX answers EPERM for a directory, Linux EISDIR.
        Err(cause @ (Errno::ISDIR | Errno::PERM)) => cause,
        Err(cause) => return Err(cause),
    };
    let dir = match child_for_us(parent, name) {
        // An immutable file.
        Err(Errno::NOTDIR | Errno::LOOP) => return Err(refused),
        opened => opened?,
    };
    if !dir.stat()?.is_in_mount_of(&parent.stat()?) {
        return Err(Errno::BUSY);
    }
    contents(&dir)?;
    parent.remove_dir(name)
}

/// Removes everything in `dir`, and leaves `dir` itself.
pub fn contents(dir: &Dir) -> Result<()> {
    let listing = dir.list()?;
    let mut shut = true;
    for entry in listing.iter() {
        match tree(dir, entry.name) {
            // A plain user may not empty a directory of his own that is 0555.
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

/// Empties the open directory `dir` and removes `name`, if that still stands for it. ESTALE if it does not.
pub fn directory(parent: &Dir, name: &CStr, (dir, identity): (&Dir, Identity)) -> Result<()> {
    dir.rewind()?;
    contents(dir)?;
    match parent.stat_name(name) {
        Ok(there) if there.identity == identity => parent.remove_dir(name),
        Ok(_) => Err(Errno::STALE),
        Err(Errno::NOENT) => Ok(()),
        Err(cause) => Err(cause),
    }
}

/// Opens a directory that is to be removed; one of our own that we may not read becomes 0700 first.
pub fn child_for_us(parent: &Dir, name: &CStr) -> Result<Dir> {
    match parent.child(name) {
        Err(Errno::ACCESS) => {}
        opened => return opened,
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    // fchmod(2) takes no such handle, and a name might be a link by now; /proc leads to the inode.
    let inode = format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd());
    rustix::fs::chmodat(CWD, inode, Mode::RWXU, rustix::fs::AtFlags::empty())?;
    Dir::of_handle(handle.as_fd())
}
