//! An own copy of a source tree (`--copy-sources`): the builds write into it, and DIR stays as it is.
//!
//! Files are reflinked where the file system can, else copied. Modes, links and times to the nanosecond are
//! kept; each name becomes a file of its own, which belongs to the user who builds. Sockets and devices are left
//! out, and so is what belongs to the run itself.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink,
};
use std::path::{Path, PathBuf};

use common::fs::contents;
use common::{Error, Result};
use filetime::FileTime;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::Errno;
use walkdir::{DirEntry, WalkDir};

use crate::remove;

/// A copy that is to be made.
pub(crate) struct Copy<'a> {
    /// The directory to copy.
    pub(crate) from: &'a Path,
    /// Where the copy is to lie: a directory that is missing or empty.
    pub(crate) to: &'a Path,
    /// Directories that are not copied where they lie below `from`.
    pub(crate) without: &'a [PathBuf],
    /// Whether the copy is no longer wanted; asked again and again.
    pub(crate) stop: &'a dyn Fn() -> bool,
}

/// What became of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    Whole,
    /// It was stopped, and nothing of it is left.
    Stopped,
}

/// The directory to copy, without links.
///
/// # Errors
/// It is not there, or no directory.
pub(crate) fn source(path: &Path) -> Result<PathBuf> {
    let failed = |cause: io::Error| Error::io("copy", path, cause);
    let from = fs::canonicalize(path).map_err(failed)?;
    if fs::metadata(&from).map_err(failed)?.is_dir() {
        Ok(from)
    } else {
        Err(Error::refused("copy", path, "is not a directory"))
    }
}

impl Copy<'_> {
    /// Makes the copy. One that cannot be made whole leaves nothing.
    pub(crate) fn make(&self) -> Result<Made> {
        let from = source(self.from)?;
        let was_there = self.is_there_and_empty()?;
        let failed = |cause| Error::io("make directory", self.to, cause);
        fs::create_dir_all(self.to).map_err(failed)?;
        let walk = Walk {
            without: self.without.iter().map(|path| real(path)).collect(),
            to: self.to,
            reflinks: Cell::new(true),
            stop: self.stop,
        };
        let walked = walk.tree(&from);
        if !matches!(walked, Ok(Made::Whole)) {
            // A half of it would be taken for an old copy, and refused.
            remove::tree(self.to)?;
            if was_there {
                fs::create_dir(self.to).map_err(failed)?;
            }
        }
        walked
    }

    fn is_there_and_empty(&self) -> Result<bool> {
        match fs::read_dir(self.to).map(|mut entries| entries.next().is_none()) {
            Ok(true) => Ok(true),
            Ok(false) => {
                let cause = "is there already and is not empty";
                Err(Error::refused("copy sources to", self.to, cause))
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(Error::io("copy sources to", self.to, cause)),
        }
    }
}

/// Where `path` is or will be, without links: a sibling may make it while we copy.
fn real(path: &Path) -> PathBuf {
    let real = fs::canonicalize(path).ok();
    let of_parent = || {
        Some(
            fs::canonicalize(path.parent()?)
                .ok()?
                .join(path.file_name()?),
        )
    };
    real.or_else(of_parent).unwrap_or_else(|| path.to_owned())
}

/// What lasts for the whole walk.
struct Walk<'a> {
    /// Without links, like the paths of the walk itself.
    without: HashSet<PathBuf>,
    to: &'a Path,
    /// Until the file system says that it cannot.
    reflinks: Cell<bool>,
    stop: &'a dyn Fn() -> bool,
}

impl Walk<'_> {
    fn tree(&self, from: &Path) -> Result<Made> {
        // Their times change while entries are made, and their modes may forbid that.
        let mut directories: Vec<(PathBuf, Metadata)> = Vec::new();
        let wanted = |entry: &DirEntry| !self.without.contains(entry.path());
        for entry in WalkDir::new(from).into_iter().filter_entry(wanted) {
            let entry = entry.map_err(|error| unreadable(from, error))?;
            if (self.stop)() {
                return Ok(Made::Stopped);
            }
            let to = match entry.path().strip_prefix(from) {
                Ok(name) => self.to.join(name),
                Err(_) => continue,
            };
            let data = entry
                .metadata()
                .map_err(|error| unreadable(entry.path(), error))?;
            if entry.file_type().is_dir() {
                if entry.depth() > 0 {
                    let made = fs::DirBuilder::new().mode(0o700).create(&to);
                    made.map_err(|cause| Error::io("make directory", &to, cause))?;
                }
                directories.push((to, data));
            } else if self.entry(entry.path(), &to, &data)? == Made::Stopped {
                return Ok(Made::Stopped);
            }
        }
        for (to, data) in directories.into_iter().rev() {
            let mode = Permissions::from_mode(data.mode() & 0o7777);
            let set = fs::set_permissions(&to, mode).and_then(|()| keep_times(&to, &data));
            set.map_err(|cause| Error::io("set mode and times of", &to, cause))?;
        }
        Ok(Made::Whole)
    }

    /// Copies what is no directory.
    fn entry(&self, from: &Path, to: &Path, data: &Metadata) -> Result<Made> {
        let kind = data.file_type();
        let copied = if kind.is_file() {
            self.file(from, to, data)
        } else if kind.is_symlink() {
            fs::read_link(from).and_then(|target| symlink(target, to))
        } else if kind.is_fifo() {
            let mode = Mode::from_raw_mode(data.mode() & 0o7777);
            mknodat(CWD, to, FileType::Fifo, mode, 0).map_err(io::Error::from)
        } else {
            return Ok(Made::Whole);
        };
        match copied.and_then(|()| keep_times(to, data)) {
            Ok(()) => Ok(Made::Whole),
            Err(cause) if cause.raw_os_error() == Some(Errno::CANCELED.raw_os_error()) => {
                Ok(Made::Stopped)
            }
            Err(cause) => Err(Error::io("copy", from, cause)),
        }
    }

    fn file(&self, from: &Path, to: &Path, data: &Metadata) -> io::Result<()> {
        let source = File::open(from)?;
        let target = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)?;
        if self.reflinks.get() && data.len() > 0 {
            self.reflinks.set(contents::clone(&source, &target).is_ok());
        }
        if !self.reflinks.get() {
            contents::copy(&source, &target, data.len(), &|| !(self.stop)())?;
        }
        target.set_permissions(Permissions::from_mode(kept_mode(data, &target.metadata()?)))
    }
}

/// The mode of a copy. A set-id bit lends the identity of the owner, and a copy may have another owner.
fn kept_mode(original: &Metadata, copy: &Metadata) -> u32 {
    let mut mode = original.mode() & 0o7777;
    if original.uid() != copy.uid() {
        mode &= !0o4000;
    }
    if original.gid() != copy.gid() {
        mode &= !0o2000;
    }
    mode
}

fn keep_times(path: &Path, data: &Metadata) -> io::Result<()> {
    let accessed = FileTime::from_last_access_time(data);
    let modified = FileTime::from_last_modification_time(data);
    filetime::set_symlink_file_times(path, accessed, modified)
}

fn unreadable(path: &Path, error: walkdir::Error) -> Error {
    let path = error.path().unwrap_or(path).to_owned();
    Error::io("read", path, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixListener;
    use test_support::{lay, listing};

    #[test]
    fn a_copy_is_the_same_and_its_own() {
        let scratch = test_support::scratch();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        let tree = "a 600 \"x\"\nd/ 2750\nd/b 755 \"y\"\nd/gone -> nowhere\n";
        lay(&from, tree);
        fs::hard_link(from.join("a"), from.join("z")).unwrap();
        let _listener = UnixListener::bind(from.join("socket")).unwrap();
        Copy {
            from: &from,
            to: &to,
            without: &[],
            stop: &|| false,
        }
        .make()
        .unwrap();
        assert_eq!(listing(&to), format!("{tree}z 600 \"x\"\n"));
        for name in ["a", "d", "d/gone"] {
            let times = |root: &Path| {
                let data = fs::symlink_metadata(root.join(name)).unwrap();
                (data.mtime(), data.mtime_nsec())
            };
            assert_eq!(times(&from), times(&to), "{name}");
        }
        fs::write(to.join("a"), "changed").unwrap();
        assert_eq!(fs::read(from.join("a")).unwrap(), b"x");
        assert_eq!(fs::read(to.join("z")).unwrap(), b"x");
    }

    #[test]
    fn a_program_of_somebody_else_loses_its_set_id_bits() {
        let scratch = test_support::scratch();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        lay(&from, "mine 6755 \"\"\ntheirs 6755 \"\"\n");
        if std::os::unix::fs::chown(from.join("theirs"), Some(1), Some(1)).is_err() {
            return test_support::cannot_run_here("set_id_bits", "only root gives files away");
        }
        // To give it away took the bits.
        fs::set_permissions(from.join("theirs"), Permissions::from_mode(0o6755)).unwrap();
        Copy {
            from: &from,
            to: &to,
            without: &[],
            stop: &|| false,
        }
        .make()
        .unwrap();
        assert_eq!(listing(&to), "mine 6755 \"\"\ntheirs 755 \"\"\n");
    }

    #[test]
    fn a_copy_inside_its_source_does_not_hold_itself() {
        let scratch = test_support::scratch();
        let from = scratch.path();
        lay(
            from,
            "a 644 \"x\"\nrun/other 644 \"\"\nimages/python3.12/x 644 \"\"\n",
        );
        let without = [from.join("run"), from.join("images"), from.join("missing")];
        let to = from.join("run/job/src");
        Copy {
            from,
            to: &to,
            without: &without,
            stop: &|| false,
        }
        .make()
        .unwrap();
        assert_eq!(listing(&to), "a 644 \"x\"\n");
    }

    #[test]
    fn a_copy_that_is_stopped_leaves_nothing() {
        let scratch = test_support::scratch();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        lay(&from, "a 644 \"\"\nb/c 644 \"\"\nd 644 \"\"\n");
        // A file of more than one piece.
        let mut large = File::create(from.join("b/large")).unwrap();
        large.write_all(&vec![1; 17 << 20]).unwrap();
        // The root, five names, and twice within the large file.
        let questions = Cell::new(0);
        let stopped_after = |after: usize| {
            questions.set(0);
            let stop = || questions.replace(questions.get() + 1) == after;
            Copy {
                from: &from,
                to: &to,
                without: &[],
                stop: &stop,
            }
            .make()
            .unwrap()
        };
        for after in 0..6 {
            assert_eq!(stopped_after(after), Made::Stopped);
            assert!(!to.exists());
            assert_eq!(questions.get(), after + 1, "it stops at once");
        }
        fs::create_dir(&to).unwrap();
        assert_eq!(stopped_after(5), Made::Stopped);
        assert_eq!(listing(&to), "");
        assert_eq!(stopped_after(usize::MAX), Made::Whole);
        // With reflinks nothing is asked within the large file.
        assert!((6..=8).contains(&questions.get()), "{}", questions.get());
    }

    #[test]
    fn what_cannot_be_copied_is_named() {
        let scratch = test_support::scratch();
        let missing = scratch.path().join("missing");
        let refused = Copy {
            from: &missing,
            to: scratch.path(),
            without: &[],
            stop: &|| false,
        }
        .make()
        .unwrap_err();
        assert!(
            refused
                .to_string()
                .ends_with("missing: no such file or directory")
        );
    }
}
