//! Does what the records of a journal ask for. An undo uses it too, for modes and times.

use std::collections::HashSet;
use std::ffi::CString;
use std::path::{Path, PathBuf};

use common::fs::publish::is_placeholder;
use common::fs::{At, Attributes, Caller, Dir, FileId, Identity, Placeholder, as_os, put_back};
use common::{Error, show};
use rustix::io::{Errno, Result};

use super::{Record, is_still};
use crate::destination::Destination;
use crate::staging::names;

/// Follows the records that count, the last first. Returns what the user should know.
///
/// The error is a replacement that could not be put back: the staging holds what DEST had, so it has to stay.
pub(crate) fn replay(
    destination: &Destination,
    records: &[Record],
    caller: &Caller,
) -> std::result::Result<Vec<Error>, Error> {
    let root = &destination.root;
    let mut notes = Vec::new();
    let mut settled = HashSet::new();
    for record in Record::that_count(records).iter().rev() {
        let whole = || destination.at(record.path());
        let followed = match record {
            Record::Placeholder { place, .. } if !settled.insert(place) => Ok(()),
            Record::Placeholder { place, is } => remove_placeholder(root, place, *is, caller),
            Record::Replaced { place, staged, new } => {
                let kept = put_file_back(root, place, staged, *new)
                    .map_err(|cause| Error::io("put back", whole(), cause))?;
                notes.extend(kept.map(|kept| {
                    let why = format!(
                        "its directory is gone; see {}",
                        show::path(&destination.at(&kept))
                    );
                    Error::refused("put back", whole(), why)
                }));
                Ok(())
            }
            _ => restore_directory(root, record),
        };
        notes.extend(
            followed
                .err()
                .map(|cause| Error::io("restore", whole(), cause)),
        );
    }
    Ok(notes)
}

/// Gives a directory the mode or the time that a record names.
pub(crate) fn restore_directory(root: &Dir, record: &Record) -> Result<()> {
    match record {
        Record::Mode { path, id, mode } => {
            on_directory(root, path, *id, |dir, _| dir.set_mode(*mode))
        }
        Record::Times { path, id, modified } => on_directory(root, path, *id, |dir, now| {
            if now.modified == *modified {
                return Ok(());
            }
            dir.set_modified(*modified)
        }),
        _ => Ok(()),
    }
}

/// Takes a replacement back. Returns the name, below DEST, of a file whose directory is gone.
fn put_file_back(root: &Dir, place: &Path, staged: &Path, new: FileId) -> Result<Option<PathBuf>> {
    let Some((staging, kept)) = holder(root, staged)? else {
        return Ok(None);
    };
    let kept = At::new(&staging, &kept);
    match kept.stat() {
        // It was not exchanged, or it is put back already.
        Ok(there) if is_still(new, &there, &staging)? => return Ok(None),
        Ok(_) => {}
        Err(Errno::NOENT) => return Ok(None),
        Err(cause) => return Err(cause),
    }
    let Some((dir, name)) = holder(root, place)? else {
        let volume = staged.ancestors().nth(2).unwrap_or(Path::new(""));
        let name = names::kept_name();
        kept.rename_over(At::new(&root.beneath(volume)?, &name))?;
        return Ok(Some(volume.join(as_os(&name))));
    };
    let identity = Identity {
        device: staging.stat()?.identity.device,
        ..new.identity
    };
    put_back(kept, At::new(&dir, &name), FileId { identity, ..new }).map(|()| None)
}

/// Removes the empty directory that was to be replaced by another. If its run was killed before it could note which
/// one that is, it is known by its mode.
fn remove_placeholder(root: &Dir, place: &Path, is: Placeholder, caller: &Caller) -> Result<()> {
    let Some((dir, name)) = holder(root, place)? else {
        return Ok(());
    };
    let found = match dir.stat_name(&*name) {
        Ok(found) if found.kind.is_dir() => found,
        Ok(_) | Err(Errno::NOENT) => return Ok(()),
        Err(cause) => return Err(cause),
    };
    let is_it = match is {
        Placeholder::Wanted => is_placeholder(&found, caller),
        Placeholder::Made(made) => is_still(made, &found, &dir)?,
        Placeholder::Gone => false,
    };
    if !is_it {
        return Ok(());
    }
    match dir.remove_dir(&*name) {
        Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(()),
        done => done,
    }
}

/// Leaves alone a directory that is gone, or that another has replaced.
fn on_directory(
    root: &Dir,
    path: &Path,
    id: FileId,
    act: impl FnOnce(&Dir, &Attributes) -> Result<()>,
) -> Result<()> {
    let Some(dir) = open(root, path)? else {
        return Ok(());
    };
    let now = dir.stat()?;
    if is_still(id, &now, &dir)? {
        return act(&dir, &now);
    }
    Ok(())
}

/// The directory that holds `path`, and its last name.
fn holder(root: &Dir, path: &Path) -> Result<Option<(Dir, CString)>> {
    let (parent, name) = common::fs::split(path)?;
    Ok(open(root, parent)?.map(|dir| (dir, name)))
}

/// A directory below DEST, or of an image by its absolute path.
fn open(root: &Dir, path: &Path) -> Result<Option<Dir>> {
    let dir = if path.is_absolute() {
        Dir::named(path)
    } else {
        root.beneath(path)
    };
    match dir {
        Ok(dir) => Ok(Some(dir)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(cause) => Err(cause),
    }
}
