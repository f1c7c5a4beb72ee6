//! DEST: opened, made if it is missing, and locked.
//!
//! The lock is flock(2) on DEST's own directory: no lock file, and the kernel drops it when we die. A
//! DEST that is missing is made beside its place, locked there, and renamed, so that it appears with
//! its final owner and mode and is ours from the first moment.

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::interrupt::Hold;
use common::{Error, Interrupts, Result};
use rustix::fs::{FlockOperation, Mode, flock};
use rustix::io::Errno;

use crate::act::{metadata, publish};
use crate::image::Image;
use crate::journal::Placeholder;
use crate::settings::Locking;
use crate::staging;
use common::fs::xattrs::{XattrTarget, forget_inherited_acl};
use common::fs::{Attributes, Caller, Dir, FileId, Kind, Xattrs};
use std::os::fd::AsFd;

/// DEST, open and locked while this lives.
#[derive(Debug)]
pub(crate) struct Destination {
    /// As it was named.
    pub(crate) path: PathBuf,
    pub(crate) root: Dir,
    pub(crate) attributes: Attributes,
    pub(crate) state: State,
}

/// How DEST was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It was there.
    Found,
    /// This run made it.
    Made,
    /// It is missing, and a dry run does not make it; the root is its parent.
    Missing,
}

impl Destination {
    /// Opens and locks DEST, making it like `model` if it is missing. Signals wait from then on.
    ///
    /// While it waits for the lock nothing is at stake, and a signal ends the process.
    pub(crate) fn open(
        path: &Path,
        locking: Locking,
        model: &Image,
        caller: &Caller,
        interrupts: &Interrupts,
    ) -> Result<(Self, Hold)> {
        loop {
            match Dir::named(path) {
                Ok(root) => {
                    lock(&root, path, locking, FlockOperation::LockExclusive)?;
                    let hold = interrupts.hold();
                    let Some(found) = Self::still_there(path, root)? else {
                        continue;
                    };
                    // A maker that was killed: it is made anew.
                    if !(found.holds_a_place(caller)? && found.unmake()?) {
                        return Ok((found, hold));
                    }
                }
                Err(Errno::NOENT) => {
                    let hold = interrupts.hold();
                    if let Some(made) = Self::make(path, locking, model, caller)? {
                        return Ok((made, hold));
                    }
                }
                Err(cause) => return Err(Error::io("open destination", path, cause)),
            }
        }
    }

    /// Opens DEST for a look, waiting while another run changes it.
    pub(crate) fn look(path: &Path, locking: Locking) -> Result<Self> {
        let failed = |cause| Error::io("open destination", path, cause);
        let (root, state) = match Dir::named(path) {
            Ok(root) => (root, State::Found),
            Err(Errno::NOENT) => {
                let (parent, _) = place_to_make(path)?;
                (parent, State::Missing)
            }
            Err(cause) => return Err(failed(cause)),
        };
        if state == State::Found {
            lock(&root, path, locking, FlockOperation::LockShared)?;
        }
        Ok(Self {
            path: path.to_owned(),
            attributes: root.stat().map_err(failed)?,
            root,
            state,
        })
    }

    /// What messages call a place below it.
    pub(crate) fn at(&self, place: &Path) -> PathBuf {
        below(&self.path, place)
    }

    /// Nothing if another run took DEST away while we waited for its lock.
    fn still_there(path: &Path, root: Dir) -> Result<Option<Self>> {
        let failed = |cause| Error::io("open destination", path, cause);
        let attributes = root.stat().map_err(failed)?;
        let named = match Dir::named(path) {
            Ok(named) => named.stat().map_err(failed)?,
            Err(Errno::NOENT) => return Ok(None),
            Err(cause) => return Err(failed(cause)),
        };
        let same = named.identity == attributes.identity;
        Ok(same.then(|| Self {
            path: path.to_owned(),
            root,
            attributes,
            state: State::Found,
        }))
    }

    /// Nothing if another process made it first.
    fn make(path: &Path, locking: Locking, model: &Image, caller: &Caller) -> Result<Option<Self>> {
        let failed = |cause| Error::io("make destination", path, cause);
        let (parent, name) = place_to_make(path)?;
        staging::sweep_empty(&parent).map_err(failed)?;
        let temporary = staging::new_name();
        parent.make_dir(&temporary, Mode::RWXU).map_err(failed)?;
        let root = match Self::dress(&parent, &temporary, model, caller) {
            Ok(root) => root,
            // Another maker took it for one that was left, before we had its lock.
            Err(Errno::NOENT) => return Ok(None),
            Err(cause) => return Err(failed(cause)),
        };
        let locked = lock(&root, path, locking, FlockOperation::LockExclusive);
        let published = locked.and_then(|()| {
            let placeholder = RefCell::new(None);
            let note = |is| {
                if let Placeholder::Made(made) = is {
                    let held = Self::hold_place((&parent, &name), made, locking)?;
                    *placeholder.borrow_mut() = Some(held);
                }
                Ok(())
            };
            match publish::directory((&parent, &temporary), (&parent, &name), note) {
                Ok(()) => Ok(true),
                Err(Errno::EXIST | Errno::NOENT) => Ok(false),
                Err(cause) => Err(failed(cause)),
            }
        });
        if let Ok(true) = published {
            return Ok(Some(Self {
                path: path.to_owned(),
                attributes: root.stat().map_err(failed)?,
                root,
                state: State::Made,
            }));
        }
        match parent.remove_dir(&temporary) {
            Ok(()) | Err(Errno::NOENT) => published.map(|_| None),
            Err(cause) => Err(failed(cause)),
        }
    }

    /// Locks the empty directory that holds DEST's place until DEST is renamed over it. Another run that
    /// takes it for one that was left has its lock first, and removes it, or waits and finds DEST.
    fn hold_place(
        (parent, name): (&Dir, &CStr),
        made: FileId,
        locking: Locking,
    ) -> Result<Dir, Errno> {
        let taken = |cause| match cause {
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Errno::EXIST,
            cause => cause,
        };
        let dir = parent.child(name).map_err(taken)?;
        if locking == Locking::Ours {
            rustix::io::retry_on_intr(|| flock(&dir, FlockOperation::LockExclusive))?;
        }
        let there = parent.stat_name(name).map_err(taken)?;
        if made.identity == there.identity && made.identity == dir.stat()?.identity {
            Ok(dir)
        } else {
            Err(Errno::EXIST)
        }
    }

    /// Whether it holds the place of a DEST that is not there yet, and is empty. Its maker is dead, or will
    /// see that it is gone: we have its lock.
    fn holds_a_place(&self, caller: &Caller) -> Result<bool> {
        let failed = |cause| Error::io("open destination", &self.path, cause);
        if !publish::holds_a_place(&self.attributes, caller) {
            return Ok(false);
        }
        let names = self.root.list().map_err(failed)?;
        self.root.rewind().map_err(failed)?;
        Ok(names.iter().next().is_none())
    }

    fn dress(parent: &Dir, temporary: &CStr, model: &Image, caller: &Caller) -> Result<Dir, Errno> {
        let root = parent.child(temporary)?;
        forget_inherited_acl(&root)?;
        let xattrs = Xattrs::read(XattrTarget::Open(model.root.as_fd()))?;
        metadata::directory(caller, &root, &model.attributes, &xattrs)?;
        // A later run takes these for times that DEST had, should we be killed.
        rustix::fs::futimens(&root, &model.attributes.times())?;
        Ok(root)
    }

    /// Takes away a DEST that this run made, unless it is gone or another by now; tells whether it did.
    pub(crate) fn unmake(&self) -> Result<bool> {
        let failed = |cause| Error::io("remove", &self.path, cause);
        let name = self.path.file_name().unwrap_or_default();
        let parent = Dir::named(parent_of(&self.path)).map_err(failed)?;
        let name = CString::new(name.as_bytes()).map_err(|_| failed(Errno::INVAL))?;
        match parent.stat_name(&name) {
            Ok(there) if there.identity == self.attributes.identity => {}
            Ok(_) | Err(Errno::NOENT) => return Ok(false),
            Err(cause) => return Err(failed(cause)),
        }
        match parent.remove_dir(&name) {
            Ok(()) => Ok(true),
            // Someone else's files are in it by now.
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => Ok(false),
            Err(cause) => Err(failed(cause)),
        }
    }

    /// The directory that a symlink in DEST leads to, as a path of real directories below DEST.
    pub(crate) fn place_behind(&self, link: &Path) -> Result<PathBuf, Errno> {
        let behind = self.root.beneath_through_links(link)?;
        let place = path_of(&behind)?;
        let root = path_of(&self.root)?;
        let place = place.strip_prefix(root).map_err(|_| Errno::XDEV)?;
        // Whatever changed meanwhile, the path we go on with is one without links.
        self.root.beneath(place)?;
        Ok(place.to_owned())
    }
}

/// A path below a root, or the root itself: joining nothing would add a slash.
pub(crate) fn below(root: &Path, path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() {
        root.to_owned()
    } else {
        root.join(path)
    }
}

/// Where an open directory lies, without links.
pub(crate) fn path_of(dir: &Dir) -> Result<PathBuf, Errno> {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd());
    let path = rustix::fs::readlink(link, Vec::new())?;
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(path.to_bytes())))
}

/// The directory and the name that a DEST gets which is missing, and not a link to nothing.
fn place_to_make(path: &Path) -> Result<(Dir, CString)> {
    let failed = |cause| Error::io("make destination", path, cause);
    let name = path.file_name().ok_or_else(|| failed(Errno::NOENT))?;
    let name = CString::new(name.as_bytes()).map_err(|_| failed(Errno::INVAL))?;
    let parent = Dir::named(parent_of(path)).map_err(failed)?;
    match parent.stat_name(&name) {
        Ok(there) if there.kind == Kind::Symlink => Err(Error::refused(
            "open destination",
            path,
            "it is a symbolic link that leads nowhere",
        )),
        // What appeared this very moment is looked at again.
        Ok(_) | Err(Errno::NOENT) => Ok((parent, name)),
        Err(cause) => Err(failed(cause)),
    }
}

pub(crate) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn lock(root: &Dir, path: &Path, locking: Locking, how: FlockOperation) -> Result<()> {
    if locking == Locking::Callers {
        return Ok(());
    }
    match rustix::io::retry_on_intr(|| flock(root, how)) {
        Ok(()) => Ok(()),
        Err(Errno::BADF | Errno::NOLCK | Errno::OPNOTSUPP) => Err(Error::refused(
            "lock",
            path,
            "the file system cannot lock a directory; with --no-lock the caller sees to it",
        )),
        Err(cause) => Err(Error::io("lock", path, cause)),
    }
}
