//! Temporary names: a private directory at the top of DEST where things are made ready.
//!
//! It is called `.img-merge-` and sixteen hexadecimal digits, is its owner's alone (0700), and is made at
//! the top of each file system in DEST that a merge puts something into, so that what is ready there
//! appears in its place by one rename. Nothing that only exists there is needed by anyone, but for
//! what the [journal](crate::journal) says; so one that is left by a merge into the
//! same DEST is removed by the next, after its journal was followed.
//!
//! A name proves nothing: whoever owns DEST may give it to any directory. What is removed has a journal
//! whose first record names that very directory, which only its owner could write there.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FlockOperation, Gid, Mode, Uid, fchown, flock};
use rustix::io::{Errno, Result};

use crate::fs::xattrs::forget_inherited_acl;
use crate::fs::{Attributes, Caller, Dir, Identity, remove};
use crate::journal::{self, Journal, Record, Written};

const PREFIX: &[u8] = b".img-merge-";
const DIGITS: usize = 16;

/// Whether `name` is a temporary name of this program.
pub(crate) fn is_ours(name: &CStr) -> bool {
    let digits = name.to_bytes().strip_prefix(PREFIX);
    digits.is_some_and(|digits| {
        digits.len() == DIGITS
            && digits
                .iter()
                .all(|d| d.is_ascii_digit() || (b'a'..=b'f').contains(d))
    })
}

/// A temporary name that nobody has.
pub(crate) fn new_name() -> CString {
    let random = RandomState::new().build_hasher().finish();
    let mut name = PREFIX.to_vec();
    name.extend_from_slice(format!("{random:0DIGITS$x}").as_bytes());
    CString::new(name).unwrap_or_default()
}

/// A private directory in DEST.
#[derive(Debug)]
pub(crate) struct Staging {
    holder: Dir,
    pub(crate) name: CString,
    pub(crate) dir: Arc<Dir>,
    pub(crate) attributes: Attributes,
    pub(crate) journal: Journal,
    next: AtomicU64,
}

impl Staging {
    /// Makes one for a merge into `root`, with a journal that begins with `first`. Its lock, which we hold
    /// as long as it lives, tells that it is at work.
    fn make(holder: Dir, root: Identity, caller: &Caller, first: &[Record]) -> Result<Self> {
        loop {
            let name = new_name();
            holder.make_dir(&name, Mode::RWXU)?;
            let Some(dir) = Self::lock(&holder, &name)? else {
                continue;
            };
            let made = Self::make_private(&dir, caller).and_then(|attributes| {
                // Another run may have taken it for one that was left, before we had its lock.
                if !is_still(&holder, &name, attributes.identity)? {
                    return Ok(None);
                }
                let journal = Journal::create(&dir, root, attributes.identity, first)?;
                Ok(Some((attributes, journal)))
            });
            match made {
                Ok(Some((attributes, journal))) => {
                    return Ok(Self {
                        holder,
                        name,
                        dir: Arc::new(dir),
                        attributes,
                        journal,
                        next: AtomicU64::new(0),
                    });
                }
                Ok(None) => {}
                Err(cause) => {
                    remove::directory(&holder, &name, (&dir, dir.stat()?.identity))?;
                    return Err(cause);
                }
            }
        }
    }

    /// Nothing if another run took it for one that was left, before we had its lock.
    fn lock(holder: &Dir, name: &CStr) -> Result<Option<Dir>> {
        let dir = match holder.child(name) {
            Ok(dir) => dir,
            Err(Errno::NOENT) => return Ok(None),
            Err(cause) => return Err(cause),
        };
        // Where a directory cannot be locked nobody sweeps.
        if flock(&dir, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Ok(None);
        }
        Ok(Some(dir))
    }

    fn make_private(dir: &Dir, caller: &Caller) -> Result<Attributes> {
        // What is made in here must inherit nothing from DEST.
        forget_inherited_acl(dir)?;
        // Nor is its group DEST's, as it is below a set-gid directory and on some mounts: what is
        // made in here is as the staging is. Who gets a file system's fixed owner instead is told
        // when that is asked for.
        let (uid, gid) = (Uid::from_raw(caller.uid), Gid::from_raw(caller.gid));
        match fchown(dir, Some(uid), Some(gid)) {
            Ok(()) | Err(Errno::PERM | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(cause) => return Err(cause),
        }
        dir.set_mode(Mode::RWXU.as_raw_mode())?;
        dir.stat()
    }

    /// A name in it that is free.
    pub(crate) fn fresh(&self) -> CString {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        CString::new(number.to_string()).unwrap_or_default()
    }

    fn remove(&self) -> Result<()> {
        let it = (&*self.dir, self.attributes.identity);
        remove::directory(&self.holder, &self.name, it)
    }
}

/// The stagings of one transaction, one for each file system in DEST.
#[derive(Debug)]
pub(crate) struct Stagings<'a> {
    /// DEST.
    root: Identity,
    caller: &'a Caller,
    made: Mutex<BTreeMap<PathBuf, Arc<Staging>>>,
}

impl<'a> Stagings<'a> {
    pub(crate) fn of(root: Identity, caller: &'a Caller) -> Self {
        let made = Mutex::default();
        Self { root, caller, made }
    }

    /// The staging at the top of DEST, whose journal begins with `first`.
    pub(crate) fn begin(&self, root: &Dir, first: &[Record]) -> Result<Arc<Staging>> {
        self.get_or_make(root, Path::new(""), first)
    }

    /// The staging at the top of `volume`, a directory below `root`.
    pub(crate) fn get(&self, root: &Dir, volume: &Path) -> Result<Arc<Staging>> {
        self.get_or_make(root, volume, &[])
    }

    fn get_or_make(&self, root: &Dir, volume: &Path, first: &[Record]) -> Result<Arc<Staging>> {
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(staging) = all.get(volume) {
            return Ok(staging.clone());
        }
        let holder = root.beneath(volume)?;
        let staging = Arc::new(Staging::make(holder, self.root, self.caller, first)?);
        all.insert(volume.to_owned(), staging.clone());
        Ok(staging)
    }

    /// Where they are, below DEST.
    pub(crate) fn volumes(&self) -> Vec<PathBuf> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.keys().cloned().collect()
    }

    /// Removes them all; the volumes whose staging could not be removed come back with the reason.
    pub(crate) fn remove(&self) -> Vec<(PathBuf, Errno)> {
        let all = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        let failed = |(volume, staging): (PathBuf, Arc<Staging>)| {
            staging.remove().err().map(|cause| (volume, cause))
        };
        all.into_iter().filter_map(failed).collect()
    }
}

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
    pub(crate) fn remove(&self, volume: &Dir) -> Result<()> {
        remove::directory(volume, &self.name, (&self.dir, self.identity))
    }
}

/// Looks for the stagings in `volume` that merges into `root` have left, and are the caller's to remove.
///
/// One of another user is left alone: what its journal says was written by that user. So is one that is
/// locked, because its maker lives, and one of a merge into another directory, whose journal we may not
/// have.
pub(crate) fn look(volume: &Dir, root: Identity, caller: &Caller) -> Result<Found> {
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
        let written = match records.first() {
            Some(Record::Staging { boot, .. }) if *boot == journal::boot() => Written::ThisBoot,
            _ => Written::Before,
        };
        match records.first() {
            Some(Record::Staging { root: of, own, .. }) if written.is(*own, here.identity) => {
                if !written.is(*of, root) {
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

/// Whether `name` stands for the directory `identity`.
fn is_still(holder: &Dir, name: &CStr, identity: Identity) -> Result<bool> {
    match holder.stat_name(name) {
        Ok(there) => Ok(there.identity == identity),
        Err(Errno::NOENT) => Ok(false),
        Err(cause) => Err(cause),
    }
}

fn is_private(it: &Attributes, caller: &Caller) -> bool {
    it.uid == caller.uid && it.mode == Mode::RWXU.as_raw_mode()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_are_ours() {
        assert!(is_ours(&new_name()));
        assert!(is_ours(c".img-merge-0123456789abcdef"));
        for other in [
            c".img-merge-",
            c".img-merge-0123456789abcde",
            c".img-merge-0123456789abcdeF",
            c".img-merge-0123456789abcdef0",
            c"img-merge-0123456789abcdef",
        ] {
            assert!(!is_ours(other), "{other:?}");
        }
    }
}
