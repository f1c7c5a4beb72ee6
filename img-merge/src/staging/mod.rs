//! Temporary names: a private directory at the top of DEST where things are made ready.
//!
//! It is called `.img-merge-` and sixteen hexadecimal digits, is its owner's alone (0700), and is made at
//! the top of each file system in DEST that a merge puts something into, so that what is ready there
//! appears in its place by one rename. Nothing that only exists there is needed by anyone, but for
//! what the [journal](crate::journal) says; so one that is left by a merge into the
//! same DEST is removed by the next, after its journal was followed.
//!
//! What may be another's is in a staging only under a name of its own ([`aside`]): it gets a place
//! beside the staging, and is named, before that is removed.
//!
//! A name proves nothing: whoever owns DEST may give it to any directory. What is removed has a journal
//! whose first record names that very directory, which only its owner could write there.

mod left;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, Gid, Mode, Uid, fchown, flock};
use rustix::io::{Errno, Result};

use crate::journal::{Journal, Record};
use crate::plan::as_os;
use common::fs::xattrs::forget_inherited_acl;
use common::fs::{Attributes, Caller, Dir, FileId, Identity, remove};

pub(crate) use left::{Left, look, sweep_empty};

const PREFIX: &[u8] = b".img-merge-";
const DIGITS: usize = 16;

/// In a staging: what is not removed with it.
const ASIDE: &[u8] = b"aside-";

/// What was aside is called so at the top of its file system, with sixteen digits: nobody sweeps it.
const KEPT: &str = ".img-merge-kept-";

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
    let mut name = PREFIX.to_vec();
    name.extend_from_slice(random().as_bytes());
    CString::new(name).unwrap_or_default()
}

fn random() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("{random:0DIGITS$x}")
}

/// A name in a staging that is not removed with it: for what may be another's.
pub(crate) fn aside() -> CString {
    let name = [ASIDE, random().as_bytes()].concat();
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
    /// Names in it that DEST had, or that are another's, and that could not be given their place again.
    held: Mutex<BTreeSet<CString>>,
}

impl Staging {
    /// Makes one for a merge into `root`, with a journal that begins with `first`. Its lock, which we hold
    /// as long as it lives, tells that it is at work.
    fn make(holder: Dir, root: FileId, caller: &Caller, first: &[Record]) -> Result<Self> {
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
                let own = FileId::of(&attributes);
                let journal = Journal::create(&dir, root, own, first)?;
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
                        held: Mutex::default(),
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

    /// Has it stay because of `name` in it.
    pub(crate) fn hold(&self, name: &CStr) {
        lock(&self.held).insert(name.to_owned());
    }

    /// `name` has its place again.
    pub(crate) fn release(&self, name: &CStr) {
        lock(&self.held).remove(name);
    }

    /// The names in `holder` come back that what was aside has now.
    fn remove(&self) -> Result<Vec<CString>> {
        let kept = keep_aside(&self.holder, &self.dir)?;
        let it = (&*self.dir, self.attributes.identity);
        remove::directory(&self.holder, &self.name, it).map(|()| kept)
    }
}

/// Gives what is aside in the staging `dir` a name in `holder`, that of the staging.
fn keep_aside(holder: &Dir, dir: &Dir) -> Result<Vec<CString>> {
    let mut kept = Vec::new();
    dir.rewind()?;
    for entry in dir.list()?.iter() {
        // A directory with nothing in it is nobody's.
        if entry.name.to_bytes().starts_with(ASIDE) && dir.remove_dir(entry.name).is_err() {
            let name = CString::new([KEPT, &random()].concat()).unwrap_or_default();
            dir.rename_over(entry.name, holder, &name)?;
            kept.push(name);
        }
    }
    Ok(kept)
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What became of the stagings of a transaction at its end.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// Below DEST: what was aside.
    pub(crate) kept: Vec<PathBuf>,
    /// Below DEST: what could not be put back, in stagings that stay.
    pub(crate) held: Vec<PathBuf>,
    /// The volumes whose staging could not be removed.
    pub(crate) failed: Vec<(PathBuf, Errno)>,
}

/// The stagings of one transaction, one for each file system in DEST.
#[derive(Debug)]
pub(crate) struct Stagings<'a> {
    /// DEST.
    root: FileId,
    caller: &'a Caller,
    made: Mutex<BTreeMap<PathBuf, Arc<Staging>>>,
}

impl<'a> Stagings<'a> {
    pub(crate) fn of(root: FileId, caller: &'a Caller) -> Self {
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
        let mut all = lock(&self.made);
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
        lock(&self.made).keys().cloned().collect()
    }

    /// Removes them all, but for those that hold what could not be put back. With any of these the one
    /// with the journal stays, too, for the next run to put it back.
    pub(crate) fn remove(&self) -> Ends {
        let all = std::mem::take(&mut *lock(&self.made));
        let mut ends = Ends::default();
        for (volume, staging) in &all {
            let below = |name: &CString| volume.join(as_os(&staging.name)).join(as_os(name));
            ends.held.extend(lock(&staging.held).iter().map(below));
        }
        let has_journal = |volume: &Path| volume.as_os_str().is_empty();
        for (volume, staging) in all.iter().rev() {
            if !lock(&staging.held).is_empty() || has_journal(volume) && !ends.held.is_empty() {
                continue;
            }
            match staging.remove() {
                Ok(kept) => ends
                    .kept
                    .extend(kept.iter().map(|name| volume.join(as_os(name)))),
                Err(cause) => ends.failed.push((volume.clone(), cause)),
            }
        }
        ends
    }
}

/// Whether `name` stands for the directory `identity`.
fn is_still(holder: &Dir, name: &CStr, identity: Identity) -> Result<bool> {
    match holder.stat_name(name) {
        Ok(there) => Ok(there.identity == identity),
        Err(Errno::NOENT) => Ok(false),
        Err(cause) => Err(cause),
    }
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
