//! The staging: a private directory at the top of DEST where things are made ready.
//!
//! It is called `.img-merge-` and sixteen hexadecimal digits and has mode 0700. Each file system in DEST that a merge
//! changes gets one at its top, so that what is ready there gets its place by one rename. A staging that a killed merge
//! left is removed by the next merge into the same DEST, after its [journal](crate::journal) was replayed.
//!
//! A name proves nothing: the owner of DEST may give it to any directory. What we remove has a journal whose first
//! record names that very directory, and only the owner of a private directory could write it there.

pub(crate) mod left;
pub(crate) mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use common::fs::metadata::set_owner;
use common::fs::xattrs::forget_inherited_acl;
use common::fs::{
    At, Caller, Dir, FileId, Identity, Lock, Locked, XattrTarget, as_os, flock, remove,
};
use common::lock;
use rustix::fs::Mode;
use rustix::io::{Errno, Result};
use std::os::fd::AsFd;

use crate::journal::{Journal, Record};

/// A private directory in DEST.
#[derive(Debug)]
pub(crate) struct Staging {
    holder: Dir,
    pub(crate) name: CString,
    pub(crate) dir: Dir,
    identity: Identity,
    pub(crate) journal: Journal,
    next: AtomicU64,
    /// Names in it that DEST had and that could not be put back.
    held: Mutex<BTreeSet<CString>>,
}

impl Staging {
    /// Makes one for a merge into `root`. Its journal begins with `first`. We hold its lock as long as it lives.
    fn make(holder: Dir, root: FileId, caller: &Caller, first: &[Record]) -> Result<Self> {
        loop {
            let name = names::new_name();
            holder.make_dir(&*name, Mode::RWXU)?;
            let at = At::new(&holder, &name);
            let Some(dir) = open_locked(at)? else {
                continue;
            };
            let made = make_private(&dir, caller).and_then(|()| {
                let own = FileId::of(&dir.stat()?);
                // Another run may have removed it as a left-over before we had its lock.
                if at.find(own)?.is_none() {
                    return Ok(None);
                }
                let journal = Journal::create(&dir, root, own, first)?;
                Ok(Some((own.identity, journal)))
            });
            match made {
                Ok(Some((identity, journal))) => {
                    return Ok(Self {
                        holder,
                        name,
                        dir,
                        identity,
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

    /// A name in it that is free.
    pub(crate) fn fresh(&self) -> CString {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        CString::new(number.to_string()).unwrap_or_default()
    }

    /// The name `name` in it.
    pub(crate) fn at<'a>(&'a self, name: &'a CStr) -> At<'a> {
        At::new(&self.dir, name)
    }

    /// Keeps the staging at the end, because DEST's file `name` in it could not be put back.
    pub(crate) fn hold(&self, name: &CStr) {
        lock(&self.held).insert(name.to_owned());
    }

    /// `name` was put back.
    pub(crate) fn release(&self, name: &CStr) {
        lock(&self.held).remove(name);
    }

    fn remove(&self) -> Result<()> {
        remove::directory(&self.holder, &self.name, (&self.dir, self.identity))
    }
}

/// `None` if another run removed it as a left-over before we had its lock.
fn open_locked(at: At<'_>) -> Result<Option<Dir>> {
    let dir = match at.dir.child(at.name) {
        Err(Errno::NOENT) => return Ok(None),
        opened => opened?,
    };
    // On a file system without such locks nobody removes left-overs.
    Ok((flock(&dir, Lock::TryExclusive)? != Locked::Busy).then_some(dir))
}

/// What is made in a staging inherits neither an ACL nor a group from DEST.
fn make_private(dir: &Dir, caller: &Caller) -> Result<()> {
    forget_inherited_acl(dir)?;
    match set_owner(XattrTarget::Open(dir.as_fd()), caller.uid, caller.gid) {
        // A file system with one fixed owner.
        Ok(()) | Err(Errno::PERM | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => {}
        Err(cause) => return Err(cause),
    }
    dir.set_mode(Mode::RWXU.as_raw_mode())
}

/// What became of the stagings at the end of a transaction. Paths are below DEST.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// Files that could not be put back, in stagings that stay.
    pub(crate) held: Vec<PathBuf>,
    /// The volumes whose staging could not be removed.
    pub(crate) failed: Vec<(PathBuf, Errno)>,
}

/// The stagings of one transaction: one for each file system in DEST, made when it is needed.
#[derive(Debug)]
pub(crate) struct Stagings<'a> {
    /// DEST.
    root: &'a Dir,
    id: FileId,
    caller: &'a Caller,
    made: Mutex<BTreeMap<PathBuf, Arc<Staging>>>,
}

impl<'a> Stagings<'a> {
    pub(crate) fn new(root: &'a Dir, id: FileId, caller: &'a Caller) -> Self {
        Self {
            root,
            id,
            caller,
            made: Mutex::default(),
        }
    }

    /// The staging at the top of DEST. Its journal begins with `first`.
    pub(crate) fn begin(&self, first: &[Record]) -> Result<Arc<Staging>> {
        self.get_or_make(Path::new(""), first)
    }

    /// The staging at the top of `volume`, a directory below DEST.
    pub(crate) fn get(&self, volume: &Path) -> Result<Arc<Staging>> {
        self.get_or_make(volume, &[])
    }

    fn get_or_make(&self, volume: &Path, first: &[Record]) -> Result<Arc<Staging>> {
        let mut all = lock(&self.made);
        if let Some(staging) = all.get(volume) {
            return Ok(staging.clone());
        }
        let holder = self.root.beneath(volume)?;
        let staging = Arc::new(Staging::make(holder, self.id, self.caller, first)?);
        all.insert(volume.to_owned(), staging.clone());
        Ok(staging)
    }

    /// The directories of DEST that hold a staging.
    pub(crate) fn volumes(&self) -> Vec<PathBuf> {
        lock(&self.made).keys().cloned().collect()
    }

    /// Removes them, the one with the journal last.
    ///
    /// A staging with a file that could not be put back stays, and so does the journal, for the next run.
    pub(crate) fn remove(&self) -> Ends {
        let all = std::mem::take(&mut *lock(&self.made));
        let mut ends = Ends::default();
        for (volume, staging) in &all {
            let below = |name: &CString| volume.join(as_os(&staging.name)).join(as_os(name));
            ends.held.extend(lock(&staging.held).iter().map(below));
        }
        for (volume, staging) in all.iter().rev() {
            let has_journal = volume.as_os_str().is_empty();
            if !lock(&staging.held).is_empty() || has_journal && !ends.held.is_empty() {
                continue;
            }
            if let Err(cause) = staging.remove() {
                ends.failed.push((volume.clone(), cause));
            }
        }
        ends
    }
}
