//! Gives a new file the owner, extended attributes, mode and times of its source.
//!
//! The order matters: chown(2) clears set-id bits and capabilities, writing an ACL changes the mode, and each of
//! these steps changes a time.

use rustix::fs::{self as sys, AtFlags, Gid, Mode, Timestamps, Uid};
use rustix::io::{Errno, Result};

use super::xattrs::{Lost, XattrTarget};
use super::{Attributes, Caller, Kind, Xattrs};

/// Sets owner, extended attributes and mode of `to`, as far as `caller` may. Call [`set_times`] last.
///
/// Returns what could not be set: attributes, and an owner that our user namespace does not know.
pub fn apply_metadata(
    to: XattrTarget<'_>,
    source: &Attributes,
    xattrs: &Xattrs,
    caller: &Caller,
) -> Result<Vec<Lost>> {
    let (uid, gid, mode) = caller.reachable(source);
    let now = to.stat()?;
    if (uid, gid) != (now.uid, now.gid) {
        set_owner(to, uid, gid)?;
    }
    let mut lost = xattrs.write(to)?;
    if caller.may_chown && (uid, gid) != (source.uid, source.gid) {
        let name = c"owner".to_owned();
        let cause = Errno::INVAL;
        lost.push(Lost { name, cause });
    }
    if source.kind != Kind::Symlink {
        set_mode(to, mode)?;
    }
    Ok(lost)
}

/// Sets the owner of `to` itself, never of what a link leads to.
pub fn set_owner(to: XattrTarget<'_>, uid: u32, gid: u32) -> Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    match to {
        XattrTarget::Open(fd) => sys::fchown(fd, uid, gid),
        XattrTarget::Name(dir, name) => {
            sys::chownat(dir, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
        }
    }
}

/// Sets the permission bits, set-id and sticky among them. `to` may not be the name of a link.
pub fn set_mode(to: XattrTarget<'_>, mode: u32) -> Result<()> {
    let mode = Mode::from_raw_mode(mode);
    match to {
        XattrTarget::Open(fd) => sys::fchmod(fd, mode),
        XattrTarget::Name(dir, name) => sys::chmodat(dir, name, mode, AtFlags::empty()),
    }
}

/// Sets both times of `to` itself, never of what a link leads to.
pub fn set_times(to: XattrTarget<'_>, times: &Timestamps) -> Result<()> {
    match to {
        XattrTarget::Open(fd) => sys::futimens(fd, times),
        XattrTarget::Name(dir, name) => sys::utimensat(dir, name, times, AtFlags::SYMLINK_NOFOLLOW),
    }
}
