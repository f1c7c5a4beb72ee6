//! Owner, extended attributes, mode and times of the files that are made.

use std::os::fd::AsFd;

use common::Result;
use common::fs::attributes::timespec;
use common::fs::metadata::{set_mode, set_owner, set_times};
use common::fs::{Attributes, XattrTarget, Xattrs};
use rustix::fs::Timestamps;
use rustix::io;

use crate::image::folder::Folder;
use crate::image::source::Source;

/// What a file gets once its content is complete.
///
/// Unlike in [`common::fs::apply_metadata`] everything has to be set: a script that loses something is not wrapped.
#[derive(Debug)]
pub(super) struct Metadata {
    owner: Option<(u32, u32)>,
    xattrs: Xattrs,
    mode: u32,
    times: Timestamps,
}

impl Metadata {
    /// Everything that `source` has, if it is a part of the image; else what install(1) would give.
    pub(super) fn whole(source: &Source) -> io::Result<Self> {
        let wrapper = Self::of_wrapper(source, source.stat.times());
        if !source.is_part {
            return Ok(wrapper);
        }
        Ok(Self {
            xattrs: Xattrs::read(source.target())?,
            mode: source.stat.mode,
            ..wrapper
        })
    }

    /// Owner and permissions of the script `source`, and times of its own.
    pub(super) fn of_wrapper(source: &Source, times: Timestamps) -> Self {
        let Source { stat, is_part, .. } = source;
        Self {
            owner: is_part.then_some((stat.uid, stat.gid)),
            xattrs: Xattrs::default(),
            mode: if *is_part { stat.mode & 0o777 } else { 0o755 },
            times,
        }
    }

    /// Sets all of it. A change of owner clears set-id bits, and each step changes a time, so the order matters.
    pub(super) fn apply(&self, to: XattrTarget<'_>) -> io::Result<()> {
        self.apply_owner(to)?;
        if let Some(lost) = self.xattrs.write(to)?.first() {
            return Err(lost.cause);
        }
        set_mode(to, self.mode)?;
        set_times(to, &self.times)
    }

    /// The same for a symlink, which has no mode.
    pub(super) fn apply_to_link(&self, to: XattrTarget<'_>) -> io::Result<()> {
        self.apply_owner(to)?;
        set_times(to, &self.times)
    }

    fn apply_owner(&self, to: XattrTarget<'_>) -> io::Result<()> {
        match self.owner {
            Some((uid, gid)) => own(to, uid, gid),
            None => Ok(()),
        }
    }
}

fn own(to: XattrTarget<'_>, uid: u32, gid: u32) -> io::Result<()> {
    let now = to.stat()?;
    if (now.uid, now.gid) == (uid, gid) {
        return Ok(());
    }
    set_owner(to, uid, gid)
}

/// Gives a new directory the owner of `like` and the mode 755.
pub(super) fn finish_directory(folder: &Folder, like: &Attributes) -> Result<()> {
    let to = XattrTarget::Open(folder.as_fd());
    let finished = own(to, like.uid, like.gid).and_then(|()| set_mode(to, 0o755));
    finished.map_err(|cause| common::Error::io("set attributes of", folder.path(), cause))
}

/// The times of a wrapper or a new directory: `SOURCE_DATE_EPOCH`, else those of `like`.
pub(super) fn times(epoch: Option<i64>, like: &Attributes) -> Timestamps {
    epoch.map_or_else(
        || like.times(),
        |seconds| Timestamps {
            last_access: timespec(seconds, 0),
            last_modification: timespec(seconds, 0),
        },
    )
}
