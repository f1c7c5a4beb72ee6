//! A directory that we hold open, and the calls that take one name in it.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    self as sys, AtFlags, Mode, OFlags, RawDir, RenameFlags, ResolveFlags, StatxFlags,
};
use rustix::io::{Errno, Result};

use super::attributes::{WANTED, only_modified};
use super::{Attributes, Kind, Listing};

/// An open directory. Names given to it are single names, never paths.
#[derive(Debug)]
pub struct Dir(OwnedFd);

const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// As much of a path as one call is given; the kernel takes 4096 bytes with the NUL.
const LONGEST_PATH: usize = 3900;

/// How often a path is opened anew while others rename directories on it.
const TRIES: usize = 1000;

/// What getdents(2) fills at once: the size that glibc uses.
pub const LISTING_BUFFER: usize = 32 * 1024;

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Dir {
    /// Opens the directory that a person named, through links if the person named some.
    pub fn named(path: &Path) -> Result<Self> {
        sys::open(path, FLAGS, Mode::empty()).map(Self)
    }

    /// Opens the directory `name`, which may not be a link.
    pub fn child(&self, name: &CStr) -> Result<Self> {
        sys::openat(self, name, FLAGS | OFlags::NOFOLLOW, Mode::empty()).map(Self)
    }

    /// Opens the directory that a handle of any kind stands for.
    pub fn of_handle(handle: BorrowedFd<'_>) -> Result<Self> {
        sys::openat(handle, c".", FLAGS, Mode::empty()).map(Self)
    }

    /// Opens a directory beneath this one; no name of `path` may be a link.
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

    /// Opens a directory beneath this one through links that stay beneath it.
    pub fn beneath_through_links(&self, path: &Path) -> Result<Self> {
        resolve_once(self.as_fd(), path, ResolveFlags::empty())
    }

    /// Its own attributes.
    pub fn stat(&self) -> Result<Attributes> {
        sys::statx(self, c"", AtFlags::EMPTY_PATH, WANTED).map(|stat| Attributes::of(&stat))
    }

    /// The attributes of `name` itself, a link included.
    pub fn stat_name(&self, name: &CStr) -> Result<Attributes> {
        sys::statx(self, name, AtFlags::SYMLINK_NOFOLLOW, WANTED).map(|stat| Attributes::of(&stat))
    }

    /// The kind of `name`, for file systems whose readdir does not tell.
    pub fn kind_of(&self, name: &CStr) -> Result<Kind> {
        let stat = sys::statx(self, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)?;
        Ok(Attributes::of(&stat).kind)
    }

    /// Whether it lies in a file system whose readdir gives the inode numbers that stat gives, and whose
    /// inodes stay what they are when they are linked and renamed.
    ///
    /// Where it does, two names of one inode are known without a call for each. An overlay is not among
    /// them: its numbers come from several file systems.
    pub fn has_true_inodes(&self) -> Result<bool> {
        const EXT: i64 = 0xEF53;
        const TMPFS: i64 = 0x0102_1994;
        const XFS: i64 = 0x5846_5342;
        const BTRFS: i64 = 0x9123_683E;
        Ok([EXT, TMPFS, XFS, BTRFS].contains(&sys::fstatfs(self)?.f_type))
    }

    /// Gives each name but `.` and `..` to `each`, as the kernel lists them, and stops when it says so.
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

    /// Has the next listing begin anew: also where a file system shows only the names that were there when
    /// the directory was opened.
    pub fn rewind(&self) -> Result<()> {
        sys::seek(self, sys::SeekFrom::Start(0)).map(drop)
    }

    /// Makes the directory `name` with `mode` less the umask; EEXIST if there is anything.
    pub fn make_dir(&self, name: &CStr, mode: Mode) -> Result<()> {
        sys::mkdirat(self, name, mode)
    }

    /// Gives the inode behind `name` (a link itself, not its target) one more name in `to`.
    pub fn link(&self, name: &CStr, to: &Dir, new: &CStr) -> Result<()> {
        sys::linkat(self, name, to, new, AtFlags::empty())
    }

    /// Renames and never replaces; EINVAL where the file system does not know the flag.
    pub fn rename(&self, name: &CStr, to: &Dir, new: &CStr) -> Result<()> {
        sys::renameat_with(self, name, to, new, RenameFlags::NOREPLACE)
    }

    /// Exchanges two names at once; EINVAL where the file system does not know the flag.
    pub fn exchange(&self, name: &CStr, to: &Dir, other: &CStr) -> Result<()> {
        sys::renameat_with(self, name, to, other, RenameFlags::EXCHANGE)
    }

    /// rename(2) as it always was: it replaces a file, or a directory that is empty.
    pub fn rename_over(&self, name: &CStr, to: &Dir, new: &CStr) -> Result<()> {
        sys::renameat(self, name, to, new)
    }

    /// Removes a name that is not a directory.
    pub fn unlink(&self, name: &CStr) -> Result<()> {
        sys::unlinkat(self, name, AtFlags::empty())
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, name: &CStr) -> Result<()> {
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

    /// Opens the file `name` for reading; never a link, and a fifo does not make us wait.
    pub fn open_file(&self, name: &CStr) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        sys::openat(self, name, flags | OFlags::NOCTTY, Mode::empty())
    }

    /// Makes the file `name` for its owner alone, to be filled.
    pub fn create_file(&self, name: &CStr) -> Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        sys::openat(self, name, flags | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)
    }

    /// The target of the symlink `name`.
    pub fn read_link(&self, name: &CStr) -> Result<std::ffi::CString> {
        sys::readlinkat(self, name, Vec::new())
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
