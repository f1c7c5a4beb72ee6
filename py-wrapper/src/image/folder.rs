//! A directory of an image: open, with its path for messages. No call leaves the image or follows a link.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::ops::Deref;
use std::path::{Component, Path, PathBuf};

use common::fs::{Attributes, Dir, Kind, Lock, as_os, flock};
use common::{Error, Result};
use rustix::io::Errno;

/// An open directory. The calls of [`Dir`] answer with the kernel's error alone; [`Folder::fail`] adds the path.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: Dir,
    path: PathBuf,
}

/// The answer to a search for a directory below another.
#[derive(Debug)]
pub(crate) enum Descent {
    /// The directory.
    Found(Folder),
    /// There is no such name.
    Missing,
    /// The path leads through something that is not a directory.
    Blocked(PathBuf, Kind),
}

impl Descent {
    /// The directory, or `None` if it does not exist. An error if something else is in its way.
    pub(crate) fn unless_blocked(self) -> Result<Option<Folder>> {
        match self {
            Self::Found(folder) => Ok(Some(folder)),
            Self::Missing => Ok(None),
            Self::Blocked(path, _) => Err(Error::refused("use", path, "is not a directory")),
        }
    }
}

impl Deref for Folder {
    type Target = Dir;

    fn deref(&self) -> &Dir {
        &self.dir
    }
}

impl Folder {
    /// Opens the image itself, and makes its path absolute. That path may go through links.
    pub(crate) fn image(path: &Path) -> Result<Self> {
        let dir = Dir::named(path).map_err(|cause| Error::io("open image", path, cause))?;
        let path = std::path::absolute(path).map_err(|cause| Error::io("find", path, cause))?;
        Ok(Self { dir, path })
    }

    /// Waits until no other run works below it, and keeps others out until it is closed.
    ///
    /// A signal ends the process while it waits, so call this before anything is changed. On a file system that
    /// cannot lock a directory it does nothing.
    pub(crate) fn lock(&self) -> Result<()> {
        let locked = flock(&self.dir, Lock::Exclusive);
        locked
            .map(|_| ())
            .map_err(|cause| Error::io("lock", &self.path, cause))
    }

    /// The path, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a name in it, for messages.
    pub(crate) fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Turns the kernel's answer to a call on `name` into an error.
    pub(crate) fn fail<'a>(
        &'a self,
        verb: &'static str,
        name: &'a OsStr,
    ) -> impl Fn(Errno) -> Error + 'a {
        move |cause| Error::io(verb, self.at(name), cause)
    }

    /// Opens the directory at `way`, an installed path, below it.
    pub(crate) fn descend(&self, way: &Path) -> Result<Descent> {
        let mut here = self.try_clone()?;
        for part in way.components() {
            let Component::Normal(name) = part else {
                continue;
            };
            here = match here.subfolder(name) {
                Ok(child) => child,
                Err(Errno::NOENT) => return Ok(Descent::Missing),
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    return Ok(Descent::Blocked(here.at(name), here.stat(name)?.kind));
                }
                Err(cause) => return Err(Error::io("open", here.at(name), cause)),
            };
        }
        Ok(Descent::Found(here))
    }

    /// The same for a directory that existed before.
    pub(crate) fn existing(&self, way: &Path) -> Result<Self> {
        match self.descend(way)? {
            Descent::Found(folder) => Ok(folder),
            _ => Err(Error::refused("open", self.below(way), "is gone")),
        }
    }

    /// The path at `way` below it, for messages.
    pub(crate) fn below(&self, way: &Path) -> PathBuf {
        self.at(way.strip_prefix("/").unwrap_or(way))
    }

    /// Opens the directory `name` in it.
    pub(crate) fn subfolder(&self, name: &OsStr) -> Result<Self, Errno> {
        let path = self.at(name);
        self.dir.child(name).map(|dir| Self { dir, path })
    }

    /// Another handle of the same directory.
    pub(crate) fn try_clone(&self) -> Result<Self> {
        let dir = self.dir.try_clone();
        Ok(Self {
            dir: dir.map_err(|cause| Error::io("open", &self.path, cause))?,
            path: self.path.clone(),
        })
    }

    /// The names in it, sorted.
    pub(crate) fn names(&self) -> Result<Vec<OsString>> {
        // A handle that was listed before is at the end of its listing.
        let listing = self.dir.rewind().and_then(|()| self.dir.list());
        let listing = listing.map_err(|cause| Error::io("read directory", &self.path, cause))?;
        Ok(listing.iter().map(|e| as_os(e.name).to_owned()).collect())
    }

    /// The attributes of a name in it.
    pub(crate) fn stat(&self, name: &OsStr) -> Result<Attributes> {
        self.dir.stat_name(name).map_err(self.fail("stat", name))
    }

    /// Its own attributes.
    pub(crate) fn stat_self(&self) -> Result<Attributes> {
        let stat = self.dir.stat();
        stat.map_err(|cause| Error::io("stat", &self.path, cause))
    }

    /// The first `length` bytes of a file.
    pub(crate) fn read(&self, name: &OsStr, length: u64) -> Result<Vec<u8>> {
        let file = self.dir.open_file(name).map_err(self.fail("open", name))?;
        let mut content = Vec::new();
        let read = file.take(length).read_to_end(&mut content);
        read.map_err(|cause| Error::io("read", self.at(name), cause))?;
        Ok(content)
    }

    /// The target of a symlink.
    pub(crate) fn read_link(&self, name: &OsStr) -> Result<PathBuf> {
        let target = self.dir.read_link(name);
        let target = target.map_err(self.fail("read link", name))?;
        Ok(as_os(&target).into())
    }

    /// Removes a name that is not of a directory.
    pub(crate) fn remove(&self, name: &OsStr) -> Result<()> {
        self.dir.unlink(name).map_err(self.fail("remove", name))
    }
}
