//! Puts right what a killed run left in DEST. It needs the lock.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use common::{Error, Result};
use rustix::io::Errno;

use crate::act::replace;
use crate::act::same_time;
use crate::destination::Destination;
use crate::fs::{Attributes, Caller, Dir};
use crate::journal::{self, Record, Whose};
use crate::staging;

/// Follows the journals of the stagings at the top of DEST and removes them.
pub(crate) fn recover(destination: &Destination, caller: &Caller) -> Result<()> {
    let root = &destination.root;
    let failed = |cause| Error::io("clean up", &destination.path, cause);
    for (name, dir) in staging::left_in(root, caller).map_err(failed)? {
        let records = journal::read(&dir).map_err(failed)?;
        for record in Record::that_count(&records).iter().rev() {
            put_right(root, record).map_err(failed)?;
        }
        staging::remove_left(root, &name).map_err(failed)?;
    }
    Ok(())
}

/// Removes the stagings at the top of another file system in DEST, whose journal was in the first.
pub(crate) fn sweep(destination: &Destination, volume: &Path, caller: &Caller) -> Result<()> {
    let failed = |cause| Error::io("clean up", destination.at(volume), cause);
    let volume = destination.root.beneath(volume).map_err(failed)?;
    for (name, _) in staging::left_in(&volume, caller).map_err(failed)? {
        staging::remove_left(&volume, &name).map_err(failed)?;
    }
    Ok(())
}

/// Does what one record asks for.
pub(crate) fn put_right(root: &Dir, record: &Record) -> Result<(), Errno> {
    match record {
        Record::Replaced {
            place,
            staged,
            old,
            new,
        } => {
            let (Some((to, name)), Some((from, kept))) =
                (split(root, place)?, split(root, staged)?)
            else {
                return Ok(());
            };
            match from.stat_name(&kept) {
                Ok(there) if there.identity == *old => {
                    replace::put_back((&from, &kept), (&to, &name), *new)
                }
                Ok(_) | Err(Errno::NOENT) => Ok(()),
                Err(cause) => Err(cause),
            }
        }
        Record::Done => Ok(()),
        Record::Mode { of, mode } => on_directory(root, of, |dir, _| dir.set_mode(*mode)),
        Record::Times { of, modified } => on_directory(root, of, |dir, now| {
            if same_time(now.modified, *modified) {
                return Ok(());
            }
            dir.set_modified(*modified)
        }),
    }
}

/// What is gone, or another by now, is not ours to put right.
fn on_directory(
    root: &Dir,
    whose: &Whose,
    act: impl FnOnce(&Dir, &Attributes) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let dir = if whose.path.is_absolute() {
        Dir::named(&whose.path)
    } else {
        root.beneath(&whose.path)
    };
    match dir {
        Ok(dir) => {
            let now = dir.stat()?;
            if now.identity == whose.identity {
                return act(&dir, &now);
            }
            Ok(())
        }
        Err(_) => Ok(()),
    }
}

fn split(root: &Dir, path: &Path) -> Result<Option<(Dir, CString)>, Errno> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(None);
    };
    let name = CString::new(name.as_bytes()).map_err(|_| Errno::INVAL)?;
    match root.beneath(parent) {
        Ok(dir) => Ok(Some((dir, name))),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(cause) => Err(cause),
    }
}
