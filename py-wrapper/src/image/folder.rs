//! A directory of an image that we hold open, and its path for messages.
//!
//! No call leaves the image or follows a link. Errors name what was tried and the path.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use common::fs::{Attributes, Dir, Kind, as_os};
use common::{Error, Result};
use rustix::io::Errno;

/// How many bytes are read to tell what a file is. No kernel or installer writes longer first lines.
const HEAD: u64 = 4096;

/// An open directory.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: Dir,
    image: Arc<Path>,
    /// Its path on the installed system.
    way: PathBuf,
}

/// The result of opening a path of the installed system.
#[derive(Debug)]
pub(crate) enum Descent {
    /// The directory.
    Found(Folder),
    /// A name of the path does not exist.
    Missing,
    /// A name of the path is not a directory; a link is not followed.
    Blocked(PathBuf, Kind),
}

impl Folder {
    /// Opens the image itself, whose own path may go through links.
    pub(crate) fn image(path: &Path) -> Result<Self> {
        let dir = Dir::named(path).map_err(|cause| Error::io("open image", path, cause))?;
        Ok(Self {
            dir,
            image: path.into(),
            way: PathBuf::from("/"),
        })
    }

    /// Opens the directory that the installed system knows as `way`.
    pub(crate) fn descend(&self, way: &Path) -> Result<Descent> {
        let mut here = self.child(OsStr::new(".")).map_err(self.failed("open"))?;
        here.way = PathBuf::from("/");
        for part in way.components() {
            let Component::Normal(name) = part else {
                continue;
            };
            here = match here.child(name) {
                Ok(child) => child,
                Err(Errno::NOENT) => return Ok(Descent::Missing),
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    let kind = here.stat(name)?.kind;
                    return Ok(Descent::Blocked(here.path(name), kind));
                }
                Err(cause) => return Err(Error::io("open", here.path(name), cause)),
            };
        }
        Ok(Descent::Found(here))
    }

    /// Opens the directory `name` in it.
    pub(crate) fn child(&self, name: &OsStr) -> Result<Self, Errno> {
        Ok(Self {
            dir: self.dir.child(name)?,
            image: self.image.clone(),
            way: self.way.join(name),
        })
    }

    /// The handle.
    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Its path on the installed system.
    pub(crate) fn way(&self) -> &Path {
        &self.way
    }

    /// The path of a name in it, for messages.
    pub(crate) fn path(&self, name: &OsStr) -> PathBuf {
        let way = self.way.strip_prefix("/").unwrap_or(&self.way);
        self.image.join(way).join(name)
    }

    /// Makes an error of what the kernel answered when we tried `verb` on the directory itself.
    pub(crate) fn failed(&self, verb: &'static str) -> impl Fn(Errno) -> Error + '_ {
        self.failed_at(verb, OsStr::new(""))
    }

    /// The same for a name in it.
    pub(crate) fn failed_at<'a>(
        &'a self,
        verb: &'static str,
        name: &'a OsStr,
    ) -> impl Fn(Errno) -> Error + 'a {
        move |cause| Error::io(verb, self.path(name), cause)
    }

    /// The names in it, sorted.
    pub(crate) fn names(&self) -> Result<Vec<OsString>> {
        let listing = self.dir.rewind().and_then(|()| self.dir.list());
        let listing = listing.map_err(self.failed("read directory"))?;
        Ok(listing.iter().map(|e| as_os(e.name).to_owned()).collect())
    }

    /// The attributes of a name, which may be a link.
    pub(crate) fn stat(&self, name: &OsStr) -> Result<Attributes> {
        self.dir
            .stat_name(name)
            .map_err(self.failed_at("stat", name))
    }

    /// Its own attributes.
    pub(crate) fn attributes(&self) -> Result<Attributes> {
        self.dir.stat().map_err(self.failed("stat"))
    }

    /// Opens a file for reading.
    pub(crate) fn open(&self, name: &OsStr) -> Result<File> {
        self.dir
            .open_file(name)
            .map_err(self.failed_at("open", name))
    }

    /// The content of a file.
    pub(crate) fn read(&self, name: &OsStr) -> Result<Vec<u8>> {
        self.read_at_most(name, u64::MAX)
    }

    /// The beginning of a file, enough to tell what it is.
    pub(crate) fn read_head(&self, name: &OsStr) -> Result<Vec<u8>> {
        self.read_at_most(name, HEAD)
    }

    fn read_at_most(&self, name: &OsStr, limit: u64) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        let read = self.open(name)?.take(limit).read_to_end(&mut content);
        read.map_err(|cause| Error::io("read", self.path(name), cause))?;
        Ok(content)
    }

    /// The target of a link.
    pub(crate) fn read_link(&self, name: &OsStr) -> Result<PathBuf> {
        let target = self.dir.read_link(name);
        let target = target.map_err(self.failed_at("read link", name))?;
        Ok(OsStr::from_bytes(target.to_bytes()).into())
    }

    /// Makes a file that nobody else can open yet, and fills it.
    pub(crate) fn create(&self, name: &OsStr, content: &[u8]) -> Result<File> {
        let file = self.dir.create_file(name);
        let mut file = file.map_err(self.failed_at("create", name))?;
        file.write_all(content)
            .map_err(|cause| Error::io("write", self.path(name), cause))?;
        Ok(file)
    }

    /// Gives a file a second name in `to`. Returns whether that can be done.
    pub(crate) fn has_linked(&self, name: &OsStr, to: &Self, new: &OsStr) -> bool {
        self.dir.link(name, &to.dir, new).is_ok()
    }

    /// Removes a file or link.
    pub(crate) fn remove(&self, name: &OsStr) -> Result<()> {
        self.dir
            .unlink(name)
            .map_err(self.failed_at("remove", name))
    }
}

/// Whether it is a regular file that may be executed.
pub(super) fn is_executable_file(it: &Attributes) -> bool {
    it.kind == Kind::File && it.mode & 0o111 != 0
}
