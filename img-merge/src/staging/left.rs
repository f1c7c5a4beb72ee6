//! What lies in a directory under our temporary names, and who may remove it.

use std::ffi::CString;

use rustix::fs::{FlockOperation, Mode, flock};
use rustix::io::{Errno, Result};

use super::{is_ours, keep_aside};
use crate::destination::Destination;
use crate::journal::{self, Record, Written};
use common::fs::{Attributes, Caller, Dir, Identity, remove};

/// What lies in a directory under our temporary names.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Stagings of merges into the same DEST that were killed.
    pub(crate) left: Vec<Left>,
    /// Directories of ours that no merge has made.
    pub(crate) others: Vec<CString>,
}

/// A staging whose maker was killed. While this lives nobody else takes it.
#[derive(Debug)]
pub(crate) struct Left {
    name: CString,
    dir: Dir,
    identity: Identity,
    pub(crate) records: Vec<Record>,
    pub(crate) written: Written,
}

impl Left {
    /// Removes it, after its journal was followed: what was proved to be a staging, and not what has its
    /// name by now.
    ///
    /// The names in `volume` come back that what was aside in it has now.
    pub(crate) fn remove(&self, volume: &Dir) -> Result<Vec<CString>> {
        let kept = keep_aside(volume, &self.dir)?;
        let it = (&self.dir, self.identity);
        remove::directory(volume, &self.name, it).map(|()| kept)
    }
}

/// Looks for the stagings in `volume` that merges into DEST have left, and are the caller's to remove.
///
/// One of another user is left alone: what its journal says was written by that user. So is one that is
/// locked, because its maker lives, and one of a merge into another directory, whose journal we may not
/// have.
pub(crate) fn look(volume: &Dir, destination: &Destination, caller: &Caller) -> Result<Found> {
    let (root, top) = (&destination.attributes, &destination.root);
    let mut found = Found::default();
    let mut names = Vec::new();
    volume.for_each::<Errno>(|name, _, _| {
        if is_ours(name) {
            names.push(name.to_owned());
        }
        Ok(())
    })?;
    names.sort();
    for name in names {
        let dir = match volume.child(&name) {
            Ok(dir) => dir,
            Err(Errno::NOTDIR | Errno::LOOP | Errno::NOENT | Errno::ACCESS) => continue,
            Err(cause) => return Err(cause),
        };
        let here = dir.stat()?;
        let locked = flock(&dir, FlockOperation::NonBlockingLockExclusive);
        if !is_private(&here, caller) || locked.is_err() {
            continue;
        }
        let records = journal::read(&dir)?;
        let written = Written::of(records.first(), here.identity);
        match records.first() {
            Some(Record::Staging { root: of, own, .. })
                if written.is_still(*own, &here, &dir)? =>
            {
                if !written.is_still(*of, root, top)? {
                    continue;
                }
            }
            // Its maker was killed before it could write.
            None if is_blank(&dir)? => {}
            _ => {
                found.others.push(name);
                continue;
            }
        }
        found.left.push(Left {
            name,
            dir,
            identity: here.identity,
            records,
            written,
        });
    }
    Ok(found)
}

/// Below a set-gid directory one is so, too, until its maker has set its mode.
fn is_private(it: &Attributes, caller: &Caller) -> bool {
    let mode = Mode::from_raw_mode(it.mode).difference(Mode::SGID);
    it.uid == caller.uid && mode == Mode::RWXU
}

/// Whether nothing is in it but a journal that is empty.
fn is_blank(dir: &Dir) -> Result<bool> {
    let names = dir.list()?;
    let all_blank = names.iter().all(|entry| {
        let is_empty = || dir.stat_name(entry.name).is_ok_and(|it| it.size == 0);
        entry.name == journal::NAME && is_empty()
    });
    Ok(all_blank)
}

/// Removes the empty directories that were to become a DEST when their makers were killed.
///
/// A maker that lives holds the lock of its directory.
pub(crate) fn sweep_empty(parent: &Dir) -> Result<()> {
    let mut names = Vec::new();
    parent.for_each::<Errno>(|name, _, _| {
        if is_ours(name) {
            names.push(name.to_owned());
        }
        Ok(())
    })?;
    for name in names {
        let Ok(dir) = parent.child(&name) else {
            continue;
        };
        if flock(&dir, FlockOperation::NonBlockingLockExclusive).is_ok() {
            match parent.remove_dir(&name) {
                Ok(())
                | Err(
                    Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::PERM | Errno::ACCESS,
                ) => {}
                Err(cause) => return Err(cause),
            }
        }
    }
    Ok(())
}
