//! A directory that we hold open, and the calls that take one name in it.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    self as sys, AtFlags, Mode, OFlags, RawDir, RenameFlags, ResolveFlags, StatxFlags, Timestamps,
};
use rustix::io::{Errno, Result};
use rustix::path::Arg;

use super::attributes::{WANTED, only_modified};
use super::{Attributes, Kind, Listing};

/// An open directory. Every `name` below is a single name in it, never a path.
#[derive(Debug)]
pub struct Dir(OwnedFd);

const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// The longest path that we give to one call; the kernel takes 4096 bytes with the NUL.
const LONGEST_PATH: usize = 3900;

/// How often we open a path again while other processes rename directories on it.
const TRIES: usize = 1000;

/// The buffer of getdents(2), in bytes: the size that glibc uses.
pub const LISTING_BUFFER: usize = 32 * 1024;

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Dir {
    /// Opens the directory that the user named. The path may go through links.
    pub fn named(path: &Path) -> Result<Self> {
        sys::open(path, FLAGS, Mode::empty()).map(Self)
    }

    /// Opens the directory `name`, which may not be a link.
    pub fn child(&self, name: impl Arg) -> Result<Self> {
        sys::openat(self, name, FLAGS | OFlags::NOFOLLOW, Mode::empty()).map(Self)
    }

    /// Opens the directory behind a handle of any kind, also one of `O_PATH`.
    pub fn of_handle(handle: BorrowedFd<'_>) -> Result<Self> {
        sys::openat(handle, c".", FLAGS, Mode::empty()).map(Self)
    }

    /// Opens a directory beneath this one. ELOOP or ENOTDIR if a name of `path` is a link.
    pub fn beneath(&self, path: &Path) -> Result<Self> {
        let links = ResolveFlags::NO_SYMLINKS;
        if path.as_os_str().len() <= LONGEST_PATH {
            return resolve_once(self.as_fd(), path, links);
        }
        let mut here = self.child(c".")?;
        let mut part = PathBuf::new();
        for name in path.components() {
            if part.as_os_str().len() + name.as_os_str().len() >= LONGEST_PATH {
                here = resolve_once(here.as_fd(), &part, links)?;
                part = PathBuf::new();
            }
            part.push(name);
        }
        resolve_once(here.as_fd(), &part, links)
    }

    /// Opens a directory beneath this one through links. EXDEV if one leads out of it.
    pub fn beneath_through_links(&self, path: &Path) -> Result<Self> {
        resolve_once(self.as_fd(), path, ResolveFlags::empty())
    }

    /// Its own attributes.
    pub fn stat(&self) -> Result<Attributes> {
        sys::statx(self, c"", AtFlags::EMPTY_PATH, WANTED).map(|stat| Attributes::of(&stat))
    }

    /// The attributes of `name` itself, a link included.
    pub fn stat_name(&self, name: impl Arg) -> Result<Attributes> {
        sys::statx(self, name, AtFlags::SYMLINK_NOFOLLOW, WANTED).map(|stat| Attributes::of(&stat))
    }

    /// The kind of `name`, for file systems whose readdir does not say.
    pub fn kind_of(&self, name: impl Arg) -> Result<Kind> {
        let stat = sys::statx(self, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)?;
        Ok(Attributes::of(&stat).kind)
    }

    /// Whether readdir and stat agree on inode numbers here, and an inode stays the same when it is linked or
    /// renamed. An overlay is not such a file system: its numbers come from several others.
    pub fn has_true_inodes(&self) -> Result<bool> {
        const EXT: i64 = 0xEF53;
        const TMPFS: i64 = 0x0102_1994;
        const XFS: i64 = 0x5846_5342;
        const BTRFS: i64 = 0x9123_683E;
        Ok([EXT, TMPFS, XFS, BTRFS].contains(&sys::fstatfs(self)?.f_type))
    }

    /// Calls `each` with every name but `.` and `..`, in the kernel's order, until it fails.
    pub fn for_each<E: From<Errno>>(
        &self,
        mut each: impl FnMut(&CStr, u64, Option<Kind>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut buffer = Box::<[u8]>::new_uninit_slice(LISTING_BUFFER);
        let buffer: &mut [MaybeUninit<u8>] = &mut buffer;
        let mut entries = RawDir::new(self, buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                each(name, entry.ino(), Kind::of(entry.file_type()))?;
            }
        }
        Ok(())
    }

    /// All names but `.` and `..`, sorted.
    pub fn list(&self) -> Result<Listing> {
        let mut listing = Listing::default();
        self.for_each::<Errno>(|name, inode, kind| {
            listing.push(name, inode, kind);
            Ok(())
        })?;
        listing.sort();
        Ok(listing)
    }

    /// Makes the next listing begin at the first name again, with the names that there are by then.
    pub fn rewind(&self) -> Result<()> {
        sys::seek(self, sys::SeekFrom::Start(0)).map(drop)
    }

    /// Makes the directory `name` with `mode` less the umask. EEXIST if the name is taken.
    pub fn make_dir(&self, name: impl Arg, mode: Mode) -> Result<()> {
        sys::mkdirat(self, name, mode)
    }

    /// Gives the inode behind `name` (a link itself, not its target) one more name in `to`.
    pub fn link(&self, name: impl Arg, to: &Dir, new: impl Arg) -> Result<()> {
        sys::linkat(self, name, to, new, AtFlags::empty())
    }

    /// `RENAME_NOREPLACE`; EINVAL if the file system does not know it. See [`publish`](super::publish()).
    pub fn rename(&self, name: impl Arg, to: &Dir, new: impl Arg) -> Result<()> {
        sys::renameat_with(self, name, to, new, RenameFlags::NOREPLACE)
    }

    /// `RENAME_EXCHANGE`; EINVAL if the file system does not know it. See [`exchange`](super::exchange()).
    pub fn exchange(&self, name: impl Arg, to: &Dir, other: impl Arg) -> Result<()> {
        sys::renameat_with(self, name, to, other, RenameFlags::EXCHANGE)
    }

    /// Removes a name that is not of a directory.
    pub fn unlink(&self, name: impl Arg) -> Result<()> {
        sys::unlinkat(self, name, AtFlags::empty())
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, name: impl Arg) -> Result<()> {
        sys::unlinkat(self, name, AtFlags::REMOVEDIR)
    }

    /// Sets the permission bits, set-id and sticky among them.
    pub fn set_mode(&self, mode: u32) -> Result<()> {
        sys::fchmod(self, Mode::from_raw_mode(mode))
    }

    /// Sets the modification time and leaves the access time alone.
    pub fn set_modified(&self, modified: rustix::fs::Timespec) -> Result<()> {
        sys::futimens(self, &only_modified(modified))
    }

    /// Sets both times of the directory itself.
    pub fn set_times(&self, times: &Timestamps) -> Result<()> {
        sys::futimens(self, times)
    }

    /// Opens the file `name` for reading. It follows no link and does not wait for the writer of a fifo.
    pub fn open_file(&self, name: impl Arg) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        sys::openat(self, name, flags | OFlags::NOCTTY, Mode::empty()).map(File::from)
    }

    /// Makes the empty file `name` for its owner alone (0600). EEXIST if the name is taken.
    pub fn create_file(&self, name: impl Arg) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = Mode::RUSR | Mode::WUSR;
        sys::openat(self, name, flags | OFlags::CLOEXEC, mode).map(File::from)
    }

    /// The target of the symlink `name`.
    pub fn read_link(&self, name: impl Arg) -> Result<CString> {
        sys::readlinkat(self, name, Vec::new())
    }

    /// Makes the symlink `name`. EEXIST if the name is taken.
    pub fn symlink(&self, target: impl Arg, name: impl Arg) -> Result<()> {
        sys::symlinkat(target, self, name)
    }
}

fn resolve_once(from: BorrowedFd<'_>, path: &Path, links: ResolveFlags) -> Result<Dir> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let how = links | ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let open = || sys::openat2(from, path, FLAGS, Mode::empty(), how);
    let mut opened = open();
    // Something was renamed meanwhile, and the kernel cannot tell whether we stayed beneath.
    for _ in 0..TRIES {
        if opened.as_ref().err() != Some(&Errno::AGAIN) {
            break;
        }
        opened = open();
    }
    match opened {
        // Kernels before 5.6, and sandboxes that know no openat2: one name at a time instead.
        Err(Errno::NOSYS | Errno::PERM) if !links.is_empty() => name_by_name(from, path),
        opened => opened.map(Dir),
    }
}

fn name_by_name(from: BorrowedFd<'_>, path: &Path) -> Result<Dir> {
    let flags = FLAGS | OFlags::NOFOLLOW;
    let mut here = Dir(sys::openat(from, c".", flags, Mode::empty())?);
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => {
                here = Dir(sys::openat(&here, name.as_bytes(), flags, Mode::empty())?);
            }
            _ => return Err(Errno::XDEV),
        }
    }
    Ok(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_a_path_beneath_may_be_a_link() {
        let home = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir_all(home.path().join("here/below")).expect("a directory");
        for (to, link) in [("here", "inside"), ("/", "root"), ("..", "up")] {
            std::os::unix::fs::symlink(to, home.path().join(link)).expect("a link");
        }
        let dir = Dir::named(home.path()).expect("a directory");
        assert!(dir.beneath(Path::new("here/below")).is_ok());
        for path in ["inside", "inside/below", "root", "up"] {
            let opened = dir.beneath(Path::new(path)).map(drop);
            assert_eq!(opened, Err(Errno::LOOP), "{path}");
        }
        assert!(dir.beneath_through_links(Path::new("inside/below")).is_ok());
        for path in ["root", "up", "..", "inside/../.."] {
            let opened = dir.beneath_through_links(Path::new(path)).map(drop);
            assert_eq!(opened, Err(Errno::XDEV), "{path}");
        }
        assert_eq!(dir.child(c"inside").map(drop), Err(Errno::NOTDIR));
    }
}
