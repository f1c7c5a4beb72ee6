//! Removes what is ours: a tree below a handle, name by name.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::{Errno, Result};

use super::{Dir, Identity};

/// Removes `name` and everything below it. What is gone already is no error.
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
        // What is mounted there is not ours.
        return Err(Errno::BUSY);
    }
    contents(&dir)?;
    parent.remove_dir(name)
}

/// Removes everything in `dir`.
pub fn contents(dir: &Dir) -> Result<()> {
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

/// Empties `dir` by its handle, and removes `name` from `parent` if it still stands for `identity`, which
/// is that directory.
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

/// Opens a directory on its way out, also where its mode keeps us, who own it, out.
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
