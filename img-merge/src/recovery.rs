//! Puts right what a killed run left in DEST. It needs the lock.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use common::{Error, Result};
use rustix::io::Errno;

use crate::act::{self, publish, replace, same_time};
use crate::destination::Destination;
use crate::journal::{Placeholder, Record, Whose, Written};
use crate::plan::as_os;
use crate::staging::{self, Left};
use common::fs::{Attributes, Caller, Dir};

/// Follows the journals of the stagings at the top of DEST and removes them.
///
/// What is worth a word and forbids nothing comes back.
pub(crate) fn recover(destination: &Destination, caller: &Caller) -> Result<Vec<Error>> {
    let root = &destination.root;
    let failed = |cause| Error::io("clean up", &destination.path, cause);
    let found = staging::look(root, destination, caller).map_err(failed)?;
    let mut notes: Vec<Error> = found
        .others
        .iter()
        .map(|name| not_ours(destination, Path::new(""), name))
        .collect();
    let mut kept = Vec::new();
    for left in &found.left {
        let mut settled = HashSet::new();
        for record in Record::that_count(&left.records).iter().rev() {
            let put_right = match record {
                // Only the last that was said of a place counts.
                Record::Placeholder { place, .. } if !settled.insert(place) => Ok(()),
                Record::Placeholder { place, is } => {
                    remove_placeholder((root, place), *is, left.written, caller)
                }
                _ => put_right(root, record, left.written),
            };
            let whole = || destination.at(record.path());
            match (put_right, record) {
                (Ok(()), _) => {}
                // The staging holds what was there: it stays until it can be put back.
                (Err(cause), Record::Replaced { .. }) => {
                    return Err(Error::io("put back", whole(), cause));
                }
                (Err(cause), _) => notes.push(Error::io("put right", whole(), cause)),
            }
        }
    }
    remove(destination, &found.left, caller, &mut kept).map_err(failed)?;
    notes.extend(
        kept.iter()
            .map(|name| act::kept(destination, as_os(name).as_ref())),
    );
    Ok(notes)
}

fn not_ours(destination: &Destination, volume: &Path, name: &CStr) -> Error {
    let whole = destination.at(volume).join(as_os(name));
    Error::refused("remove", whole, "no merge has made it, so it is left alone")
}

/// Removes stagings from the top of DEST, which is opened for it where its mode keeps us out.
///
/// What was aside in them has the names in `kept` now.
fn remove(
    destination: &Destination,
    left: &[Left],
    caller: &Caller,
    kept: &mut Vec<CString>,
) -> Result<(), Errno> {
    if left.is_empty() {
        return Ok(());
    }
    let root = &destination.root;
    let here = root.stat()?;
    let shut = caller.is_shut_out_of_own(&here);
    if shut {
        root.set_mode(here.mode | 0o700)?;
    }
    let removed: Result<(), Errno> = left.iter().try_for_each(|left| {
        kept.extend(left.remove(root)?);
        Ok(())
    });
    if shut {
        root.set_mode(here.mode)?;
    }
    removed
}

/// Removes the stagings at the top of another file system in DEST, whose journal was in the first.
pub(crate) fn sweep(
    destination: &Destination,
    volume: &Path,
    caller: &Caller,
) -> Result<Vec<Error>> {
    let failed = |cause| Error::io("clean up", destination.at(volume), cause);
    let top = destination.root.beneath(volume).map_err(failed)?;
    let found = staging::look(&top, destination, caller).map_err(failed)?;
    let not_ours = |name: &CString| not_ours(destination, volume, name);
    let mut notes: Vec<Error> = found.others.iter().map(not_ours).collect();
    for left in &found.left {
        let kept = left.remove(&top).map_err(failed)?;
        let kept = kept.iter().map(|name| volume.join(as_os(name)));
        notes.extend(kept.map(|path| act::kept(destination, &path)));
    }
    Ok(notes)
}

/// Does what one record asks for.
pub(crate) fn put_right(root: &Dir, record: &Record, written: Written) -> Result<(), Errno> {
    match record {
        Record::Replaced { place, staged, new } => {
            let Some((from, kept)) = split(root, staged)? else {
                return Ok(());
            };
            let new = written.now(*new, from.stat()?.identity);
            match from.stat_name(&kept) {
                // It was not exchanged, or has been put back.
                Ok(there) if new.is(&there, &from)? => return Ok(()),
                Ok(_) => {}
                Err(Errno::NOENT) => return Ok(()),
                Err(cause) => return Err(cause),
            }
            match split(root, place)? {
                Some((to, name)) => replace::put_back((&from, &kept), (&to, &name), new),
                // Its directory has another name by now, or is gone: nobody else has what was there.
                None => from.rename_over(&kept, &from, staging::aside()),
            }
        }
        Record::Staging { .. } | Record::Done | Record::Placeholder { .. } => Ok(()),
        Record::Mode { of, mode } => on_directory(root, of, written, |dir, _| dir.set_mode(*mode)),
        Record::Times { of, modified } => on_directory(root, of, written, |dir, now| {
            if same_time(now.modified, *modified) {
                return Ok(());
            }
            dir.set_modified(*modified)
        }),
    }
}

/// Removes the empty directory that was to be replaced by another at once.
///
/// One that its maker had no time to note is known by its mode.
fn remove_placeholder(
    (root, place): (&Dir, &Path),
    is: Placeholder,
    written: Written,
    caller: &Caller,
) -> Result<(), Errno> {
    let Some((holder, name)) = split(root, place)? else {
        return Ok(());
    };
    let found = match holder.stat_name(&name) {
        Ok(found) if found.kind.is_dir() => found,
        Ok(_) | Err(Errno::NOENT) => return Ok(()),
        Err(cause) => return Err(cause),
    };
    let is_it = match is {
        Placeholder::Wanted => publish::holds_a_place(&found, caller),
        Placeholder::Made(made) => written.is_still(made, &found, &holder)?,
        Placeholder::Gone => false,
    };
    if !is_it {
        return Ok(());
    }
    match holder.remove_dir(&name) {
        Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(()),
        done => done,
    }
}

/// What is gone, or another by now, is not ours to put right.
fn on_directory(
    root: &Dir,
    whose: &Whose,
    written: Written,
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
            if written.is_still(whose.it, &now, &dir)? {
                return act(&dir, &now);
            }
            Ok(())
        }
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(()),
        Err(cause) => Err(cause),
    }
}

fn split(root: &Dir, path: &Path) -> Result<Option<(Dir, CString)>, Errno> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(None);
    };
    let name = CString::new(name.as_bytes()).map_err(|_| Errno::INVAL)?;
    let parent = if parent.is_absolute() {
        Dir::named(parent)
    } else {
        root.beneath(parent)
    };
    match parent {
        Ok(dir) => Ok(Some((dir, name))),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(cause) => Err(cause),
    }
}
