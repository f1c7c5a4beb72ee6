//! Stagings that killed runs left.

use std::ffi::CString;

use common::fs::{At, Attributes, Caller, Dir, Identity, Lock, Locked, flock, remove};
use rustix::fs::Mode;
use rustix::io::{Errno, Result};

use super::names;
use crate::journal::{self, Record};

/// A staging whose merge was killed. As long as this lives, no other run takes it.
#[derive(Debug)]
pub(crate) struct Left {
    name: CString,
    dir: Dir,
    identity: Identity,
    pub(crate) records: Vec<Record>,
}

impl Left {
    /// Removes it. Call this after its journal was replayed.
    pub(crate) fn remove(&self, volume: &Dir) -> Result<()> {
        remove::directory(volume, &self.name, (&self.dir, self.identity))
    }
}

/// The stagings in `volume` that killed merges into `root` left.
///
/// It leaves alone: what is another user's, because that user could have written any journal; what is locked, because
/// its merge lives; the staging of a merge into another directory; and a directory that has no journal of its own.
pub(crate) fn look(volume: &Dir, root: &Dir, caller: &Caller) -> Result<Vec<Left>> {
    let mut found = Vec::new();
    for name in names::ours_in(volume)? {
        let dir = match volume.child(&*name) {
            Ok(dir) => dir,
            Err(Errno::NOTDIR | Errno::LOOP | Errno::NOENT | Errno::ACCESS) => continue,
            Err(cause) => return Err(cause),
        };
        let here = dir.stat()?;
        if !is_private(&here, caller) || flock(&dir, Lock::TryExclusive)? != Locked::Held {
            continue;
        }
        let records = journal::read(&dir)?;
        let is_ours = match records.first() {
            Some(Record::Staging { root: of, own }) => {
                journal::is_still(*own, &here, &dir)?
                    && journal::is_still(*of, &root.stat()?, root)?
            }
            // The run was killed before it could write the first record.
            None => is_blank(&dir)?,
            Some(_) => false,
        };
        if is_ours {
            let identity = here.identity;
            found.push(Left {
                name,
                dir,
                identity,
                records,
            });
        }
    }
    Ok(found)
}

/// A directory inherits the set-gid bit until its maker has set its mode.
fn is_private(it: &Attributes, caller: &Caller) -> bool {
    let mode = Mode::from_raw_mode(it.mode).difference(Mode::SGID);
    it.uid == caller.uid && mode == Mode::RWXU
}

/// Whether it holds nothing but an empty journal.
fn is_blank(dir: &Dir) -> Result<bool> {
    let names = dir.list()?;
    let all_blank = names.iter().all(|entry| {
        let is_empty = || At::new(dir, entry.name).stat().is_ok_and(|it| it.size == 0);
        entry.name == journal::NAME && is_empty()
    });
    Ok(all_blank)
}
