//! Gives something new the owner, attributes, mode and times of its source, in the order that keeps
//! them: chown clears set-id bits and capabilities, writing an ACL changes the mode, and all of them but
//! the times come before the times.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{self as sys, AtFlags, Gid, Mode, Uid};
use rustix::io::{Errno, Result};

use common::fs::xattrs::{Lost, XattrTarget};
use common::fs::{Attributes, Caller, Dir, Kind, Xattrs};

/// Owner, mode and attributes of a directory of ours, but not its times: its names are still to come.
pub(crate) fn directory(
    caller: &Caller,
    dir: &Dir,
    source: &Attributes,
    xattrs: &Xattrs,
) -> Result<Vec<Lost>> {
    let fresh = dir.stat()?;
    owned(caller, dir.as_fd(), &fresh, source, xattrs)
}

/// As [`directory`], where what is made is known to be as `fresh`.
pub(crate) fn new_directory(
    caller: &Caller,
    dir: &Dir,
    fresh: &Attributes,
    source: &Attributes,
    xattrs: &Xattrs,
) -> Result<Vec<Lost>> {
    owned(caller, dir.as_fd(), fresh, source, xattrs)
}

/// Everything of a file of ours that is open and full.
pub(crate) fn file(
    caller: &Caller,
    fd: BorrowedFd<'_>,
    fresh: &Attributes,
    source: &Attributes,
    xattrs: &Xattrs,
) -> Result<Vec<Lost>> {
    let lost = owned(caller, fd, fresh, source, xattrs)?;
    sys::futimens(fd, &source.times())?;
    Ok(lost)
}

fn owned(
    caller: &Caller,
    fd: BorrowedFd<'_>,
    fresh: &Attributes,
    source: &Attributes,
    xattrs: &Xattrs,
) -> Result<Vec<Lost>> {
    let (uid, gid, mode) = caller.reachable(source);
    if (uid, gid) != (fresh.uid, fresh.gid) {
        sys::fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    let mut lost = if xattrs.is_empty() {
        Vec::new()
    } else {
        xattrs.write(XattrTarget::Open(fd))?
    };
    lost.extend(lost_owner(caller, source));
    sys::fchmod(fd, Mode::from_raw_mode(mode))?;
    Ok(lost)
}

/// The owner, where chown(2) would refuse one that our user namespace does not know. What a plain user may
/// not set is no loss.
fn lost_owner(caller: &Caller, source: &Attributes) -> Option<Lost> {
    let (uid, gid, _) = caller.reachable(source);
    let lost = caller.may_chown && (uid, gid) != (source.uid, source.gid);
    lost.then(|| Lost {
        name: c"owner".to_owned(),
        cause: Errno::INVAL,
    })
}

/// Everything of a symlink, fifo, socket or device of ours in a private directory.
pub(crate) fn named(
    caller: &Caller,
    (dir, name): (&Dir, &CStr),
    source: &Attributes,
    xattrs: &Xattrs,
) -> Result<Vec<Lost>> {
    let (uid, gid, mode) = caller.reachable(source);
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    sys::chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    let mut lost = xattrs.write(XattrTarget::Name(dir, name))?;
    lost.extend(lost_owner(caller, source));
    if source.kind != Kind::Symlink {
        sys::chmodat(dir, name, Mode::from_raw_mode(mode), AtFlags::empty())?;
    }
    sys::utimensat(dir, name, &source.times(), AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(lost)
}
