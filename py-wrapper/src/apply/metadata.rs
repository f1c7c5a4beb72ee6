//! Owner, extended attributes, mode and times of the files that are made.
//!
//! A script keeps all of them, or the run fails: what img-merge reports as lost is an error here.

use std::fs::File;
use std::os::fd::AsFd;

use common::fs::metadata::{set_mode, set_owner, set_times};
use common::fs::{Attributes, XattrTarget, Xattrs};
use rustix::fs::{Timespec, Timestamps};
use rustix::io::Result;

/// Gives `new` everything that `old` has but its content.
///
/// The order matters: a change of owner clears set-id bits, and times come last.
pub(super) fn copy(old: &File, it: &Attributes, new: &File) -> Result<()> {
    let (old, new) = (
        XattrTarget::Open(old.as_fd()),
        XattrTarget::Open(new.as_fd()),
    );
    copy_owner(it, new)?;
    if let Some(lost) = Xattrs::read(old)?.write(new)?.first() {
        return Err(lost.cause);
    }
    set_mode(new, it.mode)?;
    set_times(new, &it.times())
}

/// Gives `to` itself the owner that `it` has.
pub(super) fn copy_owner(it: &Attributes, to: XattrTarget<'_>) -> Result<()> {
    let now = to.stat()?;
    if (now.uid, now.gid) == (it.uid, it.gid) {
        return Ok(());
    }
    set_owner(to, it.uid, it.gid)
}

/// The times of what we make: `SOURCE_DATE_EPOCH` in seconds, else those of what it stands for.
pub(super) fn times(epoch: Option<i64>, it: &Attributes) -> Timestamps {
    let Some(tv_sec) = epoch else {
        return it.times();
    };
    let time = Timespec { tv_sec, tv_nsec: 0 };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
