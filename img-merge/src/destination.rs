//! DEST: opened, made if it is missing, and locked.
//!
//! The lock is flock(2) on DEST itself. A DEST that is missing is made with the mode of a placeholder, which no other
//! directory has. The run that locks a placeholder gives it the metadata of its first image; so if the maker is killed,
//! the next run does that.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use common::fs::publish::{PLACEHOLDER, is_placeholder};
use common::fs::xattrs::forget_inherited_acl;
use common::fs::{
    At, Attributes, Caller, Dir, Kind, Lock, Locked, XattrTarget, Xattrs, as_os, flock,
};
use common::interrupt::Hold;
use common::{Error, Interrupts, Result};
use rustix::io::Errno;

use crate::image::{Image, below};
use crate::settings::Locking;

/// DEST, open, and locked as long as this lives.
#[derive(Debug)]
pub(crate) struct Destination {
    /// As the user named it.
    pub(crate) path: PathBuf,
    pub(crate) root: Dir,
    pub(crate) attributes: Attributes,
    pub(crate) state: State,
}

/// How DEST was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It existed.
    Found,
    /// This run made it.
    Made,
    /// It is missing and a dry run does not make it. The root is its parent.
    Missing,
}

/// What opening DEST needs to know.
pub(crate) struct Opener<'a> {
    pub(crate) path: &'a Path,
    pub(crate) locking: Locking,
    pub(crate) caller: &'a Caller,
    pub(crate) interrupts: &'a Interrupts,
}

impl Opener<'_> {
    /// Opens and locks DEST, made like `model` if it is missing. From then on signals wait.
    ///
    /// While it waits for the lock nothing has been changed, so a signal ends the process.
    pub(crate) fn open(&self, model: &Image) -> Result<(Destination, Hold)> {
        let mut made = None;
        loop {
            let root = match Dir::named(self.path) {
                Ok(root) => root,
                Err(Errno::NOENT) => {
                    // From here on a signal would leave DEST half-made.
                    let hold = self.interrupts.hold();
                    made = self.make()?.then_some(hold);
                    continue;
                }
                Err(cause) => return Err(Error::io("open destination", self.path, cause)),
            };
            lock(&root, self.path, self.locking, Lock::Exclusive)?;
            let is_made = made.is_some();
            let hold = made.take().unwrap_or_else(|| self.interrupts.hold());
            let Some(mut found) = self.still_there(root)? else {
                continue;
            };
            if is_made || is_placeholder(&found.attributes, self.caller) {
                let failed = |cause| Error::io("make destination", self.path, cause);
                if found.is_empty().map_err(failed)? {
                    found
                        .set_metadata_like(model, self.caller)
                        .map_err(failed)?;
                }
            }
            return Ok((found, hold));
        }
    }

    /// `None` if another run took DEST away while we waited for its lock.
    fn still_there(&self, root: Dir) -> Result<Option<Destination>> {
        let failed = |cause| Error::io("open destination", self.path, cause);
        let attributes = root.stat().map_err(failed)?;
        let named = match Dir::named(self.path).and_then(|named| named.stat()) {
            Ok(named) => named,
            Err(Errno::NOENT) => return Ok(None),
            Err(cause) => return Err(failed(cause)),
        };
        let same = named.identity == attributes.identity;
        Ok(same.then(|| Destination {
            path: self.path.to_owned(),
            root,
            attributes,
            state: State::Found,
        }))
    }

    /// Whether we made it, and not another process.
    fn make(&self) -> Result<bool> {
        let failed = |cause| Error::io("make destination", self.path, cause);
        let (parent, name) = place_to_make(self.path)?;
        match parent.make_dir(&*name, PLACEHOLDER) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(cause) => Err(failed(cause)),
        }
    }
}

impl Destination {
    /// Opens DEST for a dry run, after any run that changes it.
    pub(crate) fn look(path: &Path, locking: Locking) -> Result<Self> {
        let failed = |cause| Error::io("open destination", path, cause);
        let (root, state) = match Dir::named(path) {
            Ok(root) => (root, State::Found),
            Err(Errno::NOENT) => (place_to_make(path)?.0, State::Missing),
            Err(cause) => return Err(failed(cause)),
        };
        if state == State::Found {
            lock(&root, path, locking, Lock::Shared)?;
        }
        Ok(Self {
            path: path.to_owned(),
            attributes: root.stat().map_err(failed)?,
            root,
            state,
        })
    }

    /// A path below DEST as messages have it.
    pub(crate) fn at(&self, place: &Path) -> PathBuf {
        below(&self.path, place)
    }

    fn is_empty(&self) -> Result<bool, Errno> {
        let names = self.root.list()?;
        self.root.rewind()?;
        Ok(names.iter().next().is_none())
    }

    /// Gives a DEST that was just made the metadata of `model`.
    fn set_metadata_like(&mut self, model: &Image, caller: &Caller) -> Result<(), Errno> {
        forget_inherited_acl(&self.root)?;
        let xattrs = Xattrs::read(XattrTarget::Open(model.root.as_fd()))?;
        let target = XattrTarget::Open(self.root.as_fd());
        common::fs::apply_metadata(target, &model.attributes, &xattrs, caller)?;
        // If we are killed, a later run takes these for times that DEST had.
        self.root.set_times(&model.attributes.times())?;
        self.attributes = self.root.stat()?;
        self.state = State::Made;
        Ok(())
    }

    /// Removes DEST if it is empty and still has its name.
    pub(crate) fn remove_if_empty(&self) -> Result<()> {
        let failed = |cause| Error::io("remove", &self.path, cause);
        let name = self.path.file_name().unwrap_or_default();
        let name = common::fs::c_name(name).map_err(failed)?;
        let parent = Dir::named(parent_of(&self.path)).map_err(failed)?;
        match At::new(&parent, &name).stat() {
            Ok(there) if there.identity == self.attributes.identity => {}
            Ok(_) | Err(Errno::NOENT) => return Ok(()),
            Err(cause) => return Err(failed(cause)),
        }
        match parent.remove_dir(&*name) {
            Ok(()) | Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => Ok(()),
            Err(cause) => Err(failed(cause)),
        }
    }

    /// The directory behind a symlink in DEST, as a path below DEST without links. EXDEV if it is not in DEST.
    pub(crate) fn place_behind(&self, link: &Path) -> Result<PathBuf, Errno> {
        let behind = path_of(&self.root.beneath_through_links(link)?)?;
        let root = path_of(&self.root)?;
        let place = behind.strip_prefix(root).map_err(|_| Errno::XDEV)?;
        self.root.beneath(place)?;
        Ok(place.to_owned())
    }
}

/// Where an open directory lies, without links.
pub(crate) fn path_of(dir: &Dir) -> Result<PathBuf, Errno> {
    let link = format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd());
    let path: CString = rustix::fs::readlink(link, Vec::new())?;
    Ok(PathBuf::from(as_os(path.as_c_str())))
}

/// The parent and the name of a DEST that is missing.
fn place_to_make(path: &Path) -> Result<(Dir, CString)> {
    let failed = |cause| Error::io("make destination", path, cause);
    let name = path.file_name().ok_or_else(|| failed(Errno::NOENT))?;
    let name = common::fs::c_name(name).map_err(failed)?;
    let parent = Dir::named(parent_of(path)).map_err(failed)?;
    match parent.kind_of(&*name) {
        Ok(Kind::Symlink) => {
            let why = "it is a symbolic link that leads nowhere";
            Err(Error::refused("open destination", path, why))
        }
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

fn lock(root: &Dir, path: &Path, locking: Locking, lock: Lock) -> Result<()> {
    if locking == Locking::Callers {
        return Ok(());
    }
    match flock(root, lock).map_err(|cause| Error::io("lock", path, cause))? {
        Locked::Held | Locked::Busy => Ok(()),
        Locked::Unsupported => {
            let why =
                "the file system cannot lock a directory; use --no-lock if no other merge runs";
            Err(Error::refused("lock", path, why))
        }
    }
}
