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
use common::{Error, lock};
use rustix::fs::Mode;
use rustix::io::{Errno, Result};
use std::os::fd::AsFd;

use crate::destination::Destination;
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

/// The stagings of one transaction: one for each file system in DEST, made when it is needed.
#[derive(Debug)]
pub(crate) struct Stagings<'a> {
    destination: &'a Destination,
    caller: &'a Caller,
    made: Mutex<BTreeMap<PathBuf, Arc<Staging>>>,
}

impl<'a> Stagings<'a> {
    pub(crate) fn new(destination: &'a Destination, caller: &'a Caller) -> Self {
        Self {
            destination,
            caller,
            made: Mutex::default(),
        }
    }

    /// The staging at the top of `volume`, a directory below DEST.
    pub(crate) fn get(&self, volume: &Path) -> Result<Arc<Staging>> {
        self.get_or_make(volume, &[])
    }

    /// The same. If it is made now, its journal begins with `first`.
    pub(crate) fn get_or_make(&self, volume: &Path, first: &[Record]) -> Result<Arc<Staging>> {
        let mut all = lock(&self.made);
        if let Some(staging) = all.get(volume) {
            return Ok(staging.clone());
        }
        let holder = self.destination.root.beneath(volume)?;
        let root = FileId::of(&self.destination.attributes);
        let staging = Arc::new(Staging::make(holder, root, self.caller, first)?);
        all.insert(volume.to_owned(), staging.clone());
        Ok(staging)
    }

    /// The directories of DEST that hold a staging.
    pub(crate) fn volumes(&self) -> Vec<PathBuf> {
        lock(&self.made).keys().cloned().collect()
    }

    /// Removes them, the one with the journal last. Returns what stays and what could not be removed.
    ///
    /// A staging with a file that could not be put back stays, and so does the journal, for the next run.
    pub(crate) fn remove(&self) -> Vec<Error> {
        let all = std::mem::take(&mut *lock(&self.made));
        let mut errors = Vec::new();
        for (volume, staging) in &all {
            for name in lock(&staging.held).iter() {
                let path = volume.join(as_os(&staging.name)).join(as_os(name));
                let why = "it is what could not be put back; the next merge does it";
                errors.push(Error::refused("remove", self.destination.at(&path), why));
            }
        }
        let is_held = !errors.is_empty();
        for (volume, staging) in all.iter().rev() {
            let has_journal = volume.as_os_str().is_empty();
            if !lock(&staging.held).is_empty() || has_journal && is_held {
                continue;
            }
            if let Err(cause) = staging.remove() {
                let whole = self.destination.at(volume);
                errors.push(Error::io("remove the temporary directory in", whole, cause));
            }
        }
        errors
    }
}
