//! Mode, owner, times and extended attributes of the files that are made.

use std::fs::File;
use std::path::Path;

use common::{Error, Result};
use rustix::fs::{Mode, Stat, Timespec, Timestamps};
use xattr::FileExt;

use crate::image::dir::{Dir, owner};

/// The metadata of an open file.
pub(super) fn stat(file: &File, path: &Path) -> Result<Stat> {
    rustix::fs::fstat(file).map_err(|cause| Error::io("stat", path, cause))
}

/// Gives `new` everything that `old` has but its content.
///
/// The order matters: a change of owner clears set-id bits, and times come last.
pub(super) fn copy_metadata(old: &File, stat: &Stat, new: &File, path: &Path) -> Result<()> {
    set_owner(new, stat, path)?;
    copy_attributes(old, new, path)?;
    set_mode(new, stat.st_mode & 0o7777, path)?;
    set_times(new, &own_times(stat), path)
}

/// Gives a wrapper the permissions and the owner of its script.
pub(super) fn set_metadata(new: &File, stat: &Stat, times: &Timestamps, path: &Path) -> Result<()> {
    set_owner(new, stat, path)?;
    set_mode(new, stat.st_mode & 0o777, path)?;
    set_times(new, times, path)
}

/// Gives what is installed from elsewhere the mode 755; its owner is who runs this, as with install(1).
pub(super) fn set_installed(new: &File, times: &Timestamps, path: &Path) -> Result<()> {
    set_mode(new, 0o755, path)?;
    set_times(new, times, path)
}

/// Gives a new directory the owner of the bin directory and the mode 755.
pub(super) fn like_parent(dir: &Dir, like: &Stat, path: &Path) -> Result<()> {
    let (user, group) = owner(like);
    let now = dir.stat_self()?;
    if (now.st_uid, now.st_gid) != (like.st_uid, like.st_gid) {
        rustix::fs::fchown(dir, Some(user), Some(group))
            .map_err(|cause| Error::io("set owner of", path, cause))?;
    }
    rustix::fs::fchmod(dir, Mode::from_raw_mode(0o755))
        .map_err(|cause| Error::io("set mode of", path, cause))
}

fn set_owner(file: &File, like: &Stat, path: &Path) -> Result<()> {
    let now = stat(file, path)?;
    if (now.st_uid, now.st_gid) == (like.st_uid, like.st_gid) {
        return Ok(());
    }
    let (user, group) = owner(like);
    rustix::fs::fchown(file, Some(user), Some(group))
        .map_err(|cause| Error::io("set owner of", path, cause))
}

fn set_mode(file: &File, mode: u32, path: &Path) -> Result<()> {
    rustix::fs::fchmod(file, Mode::from_raw_mode(mode))
        .map_err(|cause| Error::io("set mode of", path, cause))
}

fn set_times(file: &File, times: &Timestamps, path: &Path) -> Result<()> {
    rustix::fs::futimens(file, times).map_err(|cause| Error::io("set times of", path, cause))
}

fn copy_attributes(old: &File, new: &File, path: &Path) -> Result<()> {
    let failed = |cause| Error::io("copy extended attributes to", path, cause);
    let names = match old.list_xattr() {
        Ok(names) => names,
        // A file system that has none at all.
        Err(cause) if cause.kind() == std::io::ErrorKind::Unsupported => return Ok(()),
        Err(cause) => return Err(failed(cause)),
    };
    for name in names {
        if let Some(value) = old.get_xattr(&name).map_err(failed)? {
            // A security label that the kernel gave the new file by itself needs no right to be set.
            if new.get_xattr(&name).map_err(failed)?.as_ref() != Some(&value) {
                new.set_xattr(&name, &value).map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// The times that a file has.
pub(super) fn own_times(stat: &Stat) -> Timestamps {
    Timestamps {
        last_access: timespec(stat.st_atime, stat.st_atime_nsec),
        last_modification: timespec(stat.st_mtime, stat.st_mtime_nsec),
    }
}

/// The times of what we make: `SOURCE_DATE_EPOCH`, else those of what it stands for.
pub(super) fn times(epoch: Option<i64>, stat: &Stat) -> Timestamps {
    match epoch {
        Some(seconds) => Timestamps {
            last_access: timespec(seconds, 0),
            last_modification: timespec(seconds, 0),
        },
        None => own_times(stat),
    }
}

fn timespec<N: TryInto<i64>>(seconds: i64, nanoseconds: N) -> Timespec {
    Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds.try_into().unwrap_or(0),
    }
}
