//! Directories of an image by handle: no call here leaves the image or follows a link.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::{Error, Result};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat, Timestamps};
use rustix::io::Errno;

/// An open directory, and its path for messages.
#[derive(Debug)]
pub(crate) struct Dir {
    handle: OwnedFd,
    path: PathBuf,
}

/// What a way down an image met.
#[derive(Debug)]
pub(crate) enum Descent {
    /// The directory.
    Found(Dir),
    /// There is nothing of that name.
    Missing,
    /// A part of the way is a symlink, which is not followed.
    Link(PathBuf),
    /// A part of the way is no directory.
    NoDirectory(PathBuf),
}

const OPEN: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Dir {
    /// Opens the image itself; its own path may go through links.
    pub(crate) fn image(path: &Path) -> Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty());
        Ok(Self {
            handle: handle.map_err(|cause| Error::io("open image", path, cause))?,
            path: path.to_owned(),
        })
    }

    /// Waits until no other run is at work below it, and keeps others out until the handle is closed.
    ///
    /// A signal ends the process while it waits, so this comes before anything is at stake.
    pub(crate) fn lock(&self) -> Result<()> {
        match rustix::fs::flock(&self.handle, FlockOperation::LockExclusive) {
            // A file system that locks no directories has nobody else on it that would ask.
            Ok(()) | Err(Errno::BADF | Errno::OPNOTSUPP | Errno::NOLCK | Errno::INVAL) => Ok(()),
            Err(cause) => Err(Error::io("lock", &self.path, cause)),
        }
    }

    /// The path, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a name in it, for messages.
    pub(crate) fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Opens what lies at `way` below it.
    pub(crate) fn descend(&self, way: &Path) -> Result<Descent> {
        let mut here: Option<Self> = None;
        for part in way.components() {
            let std::path::Component::Normal(name) = part else {
                continue;
            };
            let from = here.as_ref().unwrap_or(self);
            here = match from.child(name) {
                Ok(child) => Some(child),
                Err(Errno::NOENT) => return Ok(Descent::Missing),
                Err(Errno::NOTDIR | Errno::LOOP) => return from.what_is_in_the_way(name),
                Err(cause) => return Err(Error::io("open", from.at(name), cause)),
            };
        }
        match here {
            Some(dir) => Ok(Descent::Found(dir)),
            None => Ok(Descent::Found(self.try_clone()?)),
        }
    }

    fn what_is_in_the_way(&self, name: &OsStr) -> Result<Descent> {
        let stat = self.stat(name)?;
        let path = self.at(name);
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => Descent::Link(path),
            _ => Descent::NoDirectory(path),
        })
    }

    /// Opens the directory `name` in it.
    pub(crate) fn child(&self, name: &OsStr) -> Result<Self, Errno> {
        Ok(Self {
            handle: rustix::fs::openat(&self.handle, name, OPEN, Mode::empty())?,
            path: self.path.join(name),
        })
    }

    /// Another handle of the same directory.
    pub(crate) fn try_clone(&self) -> Result<Self> {
        let handle = self.handle.try_clone();
        Ok(Self {
            handle: handle.map_err(|cause| Error::io("open", &self.path, cause))?,
            path: self.path.clone(),
        })
    }

    /// The names in it, sorted.
    pub(crate) fn names(&self) -> Result<Vec<OsString>> {
        let failed = |cause: Errno| Error::io("read directory", &self.path, cause);
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.handle).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    pub(crate) fn stat(&self, name: &OsStr) -> Result<Stat> {
        rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|cause| Error::io("stat", self.at(name), cause))
    }

    /// Its own metadata.
    pub(crate) fn stat_self(&self) -> Result<Stat> {
        rustix::fs::fstat(&self.handle).map_err(|cause| Error::io("stat", &self.path, cause))
    }

    pub(crate) fn open(&self, name: &OsStr) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        rustix::fs::openat(&self.handle, name, flags, Mode::empty())
            .map(File::from)
            .map_err(|cause| Error::io("open", self.at(name), cause))
    }

    /// The whole content of a file.
    pub(crate) fn read(&self, name: &OsStr) -> Result<Vec<u8>> {
        self.read_at_most(name, u64::MAX)
    }

    /// The first `length` bytes of a file.
    pub(crate) fn read_at_most(&self, name: &OsStr, length: u64) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        self.open(name)?
            .take(length)
            .read_to_end(&mut content)
            .map_err(|cause| Error::io("read", self.at(name), cause))?;
        Ok(content)
    }

    pub(crate) fn read_link(&self, name: &OsStr) -> Result<PathBuf> {
        let target = rustix::fs::readlinkat(&self.handle, name, Vec::new())
            .map_err(|cause| Error::io("read link", self.at(name), cause))?;
        Ok(OsStr::from_bytes(target.to_bytes()).into())
    }

    /// Makes a file that nobody else can open yet and fills it.
    pub(crate) fn create(&self, name: &OsStr, content: &[u8]) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(&self.handle, name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|cause| Error::io("create", self.at(name), cause))?;
        let mut file = File::from(handle);
        file.write_all(content)
            .map_err(|cause| Error::io("write", self.at(name), cause))?;
        Ok(file)
    }

    pub(crate) fn make_dir(&self, name: &OsStr) -> Result<(), Errno> {
        rustix::fs::mkdirat(&self.handle, name, Mode::from_raw_mode(0o755))
    }

    pub(crate) fn symlink(&self, target: &Path, name: &OsStr) -> Result<()> {
        rustix::fs::symlinkat(target, &self.handle, name)
            .map_err(|cause| Error::io("link", self.at(name), cause))
    }

    /// Gives a file a second name, here or in `other`.
    pub(crate) fn link(&self, name: &OsStr, other: &Self, new: &OsStr) -> Result<(), Errno> {
        rustix::fs::linkat(&self.handle, name, &other.handle, new, AtFlags::empty())
    }

    /// Renames within it; what has the new name is replaced.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> Result<()> {
        rustix::fs::renameat(&self.handle, from, &self.handle, to)
            .map_err(|cause| Error::io("rename", self.at(from), cause))
    }

    /// Renames within it, and fails where the new name is taken.
    pub(crate) fn rename_new(&self, from: &OsStr, to: &OsStr) -> Result<()> {
        let flags = RenameFlags::NOREPLACE;
        let renamed = match rustix::fs::renameat_with(&self.handle, from, &self.handle, to, flags) {
            // A file system that does not know the flag: a second name has the same effect.
            Err(Errno::INVAL | Errno::NOSYS) => match self.link(from, self, to) {
                Ok(()) => rustix::fs::unlinkat(&self.handle, from, AtFlags::empty()),
                Err(Errno::EXIST) => Err(Errno::EXIST),
                Err(_) => self.rename_unlinked(from, to),
            },
            answer => answer,
        };
        renamed.map_err(|cause| Error::io("rename", self.at(to), cause))
    }

    /// The same on a file system without hard links, where only a look tells whether a name is taken.
    fn rename_unlinked(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        match rustix::fs::statat(&self.handle, to, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Err(Errno::EXIST),
            Err(Errno::NOENT) => rustix::fs::renameat(&self.handle, from, &self.handle, to),
            Err(cause) => Err(cause),
        }
    }

    /// Exchanges two names of it; [`Errno::INVAL`] where the file system cannot.
    ///
    /// It is atomic as a rename over the second one would be, keeps what that was, and does not make ext4
    /// write the new file out at once (`auto_da_alloc`), which costs more than all else that we do.
    pub(crate) fn exchange(&self, one: &OsStr, other: &OsStr) -> Result<(), Errno> {
        let flags = RenameFlags::EXCHANGE;
        rustix::fs::renameat_with(&self.handle, one, &self.handle, other, flags)
    }

    pub(crate) fn remove(&self, name: &OsStr) -> Result<()> {
        rustix::fs::unlinkat(&self.handle, name, AtFlags::empty())
            .map_err(|cause| Error::io("remove", self.at(name), cause))
    }

    pub(crate) fn remove_dir(&self, name: &OsStr) -> Result<()> {
        rustix::fs::unlinkat(&self.handle, name, AtFlags::REMOVEDIR)
            .map_err(|cause| Error::io("remove", self.at(name), cause))
    }

    /// Sets the times of the directory itself.
    pub(crate) fn set_times(&self, times: &Timestamps) -> Result<()> {
        rustix::fs::futimens(&self.handle, times)
            .map_err(|cause| Error::io("set times of", &self.path, cause))
    }

    /// Sets the times of a symlink in it.
    pub(crate) fn set_link_times(&self, name: &OsStr, times: &Timestamps) -> Result<()> {
        rustix::fs::utimensat(&self.handle, name, times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|cause| Error::io("set times of", self.at(name), cause))
    }

    /// Sets the owner of a symlink in it.
    pub(crate) fn set_link_owner(&self, name: &OsStr, like: &Stat) -> Result<()> {
        let (user, group) = owner(like);
        rustix::fs::chownat(
            &self.handle,
            name,
            Some(user),
            Some(group),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .map_err(|cause| Error::io("set owner of", self.at(name), cause))
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

/// User and group as the calls want them.
pub(crate) fn owner(stat: &Stat) -> (rustix::fs::Uid, rustix::fs::Gid) {
    (
        rustix::fs::Uid::from_raw(stat.st_uid),
        rustix::fs::Gid::from_raw(stat.st_gid),
    )
}
