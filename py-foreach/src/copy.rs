//! An own copy of a source tree (`--copy-sources`): the builds write into it, and DIR stays as it is.
//!
//! Files are reflinked where the file system can, else copied. Modes, links and times to the nanosecond are
//! kept; each name becomes a file of its own, and it belongs to whoever builds. Sockets and devices, which
//! no build has any use for, are left out, and so is what belongs to the run itself.

use std::cell::Cell;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{
    DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink,
};
use std::path::{Path, PathBuf};

use common::{Error, Result};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, ioctl_ficlone, mknodat, utimensat,
};

use crate::remove;

/// How much of a file is copied before it is asked again whether to stop, in bytes.
const CHUNK: u64 = 16 << 20;

/// A copy that is to be made.
pub(crate) struct Copy<'a> {
    /// The directory to copy.
    pub(crate) from: &'a Path,
    /// Where the copy is to lie; made here, or there and empty.
    pub(crate) to: &'a Path,
    /// Directories that are not copied where they lie below `from`.
    pub(crate) without: &'a [PathBuf],
    /// Whether nobody wants it any more; asked again and again.
    pub(crate) stop: &'a dyn Fn() -> bool,
}

/// What became of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    Whole,
    /// It was stopped, and nothing of it is left.
    Stopped,
}

/// The directory to copy, without links, and what it is.
///
/// # Errors
/// It is not there, or no directory.
pub(crate) fn source(path: &Path) -> Result<(PathBuf, Metadata)> {
    let failed = |cause: io::Error| Error::io("copy", path, cause);
    let from = fs::canonicalize(path).map_err(failed)?;
    let data = fs::metadata(&from).map_err(failed)?;
    if data.is_dir() {
        Ok((from, data))
    } else {
        Err(Error::refused(
            "copy",
            path.as_os_str(),
            "is not a directory",
        ))
    }
}

/// Makes the copy. One that cannot be made whole leaves nothing.
pub(crate) fn make(copy: &Copy<'_>) -> Result<Made> {
    let (from, data) = source(copy.from)?;
    let walk = Walk {
        without: copy.without.iter().map(|path| real(path)).collect(),
        reflinks: Cell::new(true),
        stop: copy.stop,
        stopped: Cell::new(false),
    };
    let was_there = copy.to.is_dir();
    fs::create_dir_all(copy.to).map_err(|cause| Error::io("make directory", copy.to, cause))?;
    let walked = walk.directory(&from, copy.to, &data);
    if walked.is_err() {
        // A half of it would be taken for an old copy, and refused.
        remove::tree(copy.to)?;
        if was_there {
            let made = fs::create_dir(copy.to);
            made.map_err(|cause| Error::io("make directory", copy.to, cause))?;
        }
    }
    match walked {
        Err(_) if walk.stopped.get() => Ok(Made::Stopped),
        walked => walked.map(|()| Made::Whole),
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
    /// Until the file system says that it cannot.
    reflinks: Cell<bool>,
    stop: &'a dyn Fn() -> bool,
    /// Why the walk failed: it was told to.
    stopped: Cell<bool>,
}

impl Walk<'_> {
    /// Fails when the copy is to stop.
    fn go_on(&self) -> io::Result<()> {
        if (self.stop)() {
            self.stopped.set(true);
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }

    fn directory(&self, from: &Path, to: &Path, data: &Metadata) -> Result<()> {
        let failed = |cause: io::Error| Error::io("read directory", from, cause);
        // All names first: a directory that stays open at each level is a descriptor for each.
        let names: io::Result<Vec<OsString>> = fs::read_dir(from)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
        for name in names.map_err(failed)? {
            self.entry(&from.join(&name), &to.join(&name))?;
        }
        fs::set_permissions(to, Permissions::from_mode(data.mode() & 0o7777))
            .map_err(|cause| Error::io("set mode of", to, cause))?;
        keep_times(to, data)
    }

    fn entry(&self, from: &Path, to: &Path) -> Result<()> {
        let failed = |cause: io::Error| Error::io("copy", from, cause);
        self.go_on().map_err(failed)?;
        let data = fs::symlink_metadata(from).map_err(failed)?;
        let kind = data.file_type();
        if kind.is_dir() {
            if self.without.contains(from) {
                return Ok(());
            }
            let made = fs::DirBuilder::new().mode(0o700).create(to);
            made.map_err(|cause| Error::io("make directory", to, cause))?;
            return self.directory(from, to, &data);
        }
        if kind.is_file() {
            self.file(from, to, &data).map_err(failed)?;
        } else if kind.is_symlink() {
            fs::read_link(from)
                .and_then(|target| symlink(target, to))
                .map_err(failed)?;
        } else if kind.is_fifo() {
            let mode = Mode::from_raw_mode(data.mode() & 0o7777);
            mknodat(CWD, to, FileType::Fifo, mode, 0).map_err(|c| failed(c.into()))?;
        } else {
            debug_assert!(kind.is_socket() || kind.is_block_device() || kind.is_char_device());
            return Ok(());
        }
        keep_times(to, &data)
    }

    fn file(&self, from: &Path, to: &Path, data: &Metadata) -> io::Result<()> {
        let mut source = File::open(from)?;
        let mut target = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)?;
        if self.reflinks.get() && data.len() > 0 {
            self.reflinks.set(ioctl_ficlone(&target, &source).is_ok());
        }
        if !self.reflinks.get() {
            while io::copy(&mut (&mut source).take(CHUNK), &mut target)? == CHUNK {
                self.go_on()?;
            }
        }
        target.set_permissions(Permissions::from_mode(kept_mode(data, &target.metadata()?)))
    }
}

/// The mode of a copy: whose identity a program takes on is the owner's to say, and a copy has another.
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

fn keep_times(path: &Path, data: &Metadata) -> Result<()> {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: data.atime(),
            tv_nsec: data.atime_nsec(),
        },
        last_modification: Timespec {
            tv_sec: data.mtime(),
            tv_nsec: data.mtime_nsec(),
        },
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|cause| Error::io("set times of", path, cause))
}

#[cfg(test)]
mod tests {
    use super::*;
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
        make(&Copy {
            from: &from,
            to: &to,
            without: &[],
            stop: &|| false,
        })
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
        make(&Copy {
            from: &from,
            to: &to,
            without: &[],
            stop: &|| false,
        })
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
        make(&Copy {
            from,
            to: &to,
            without: &without,
            stop: &|| false,
        })
        .unwrap();
        assert_eq!(listing(&to), "a 644 \"x\"\n");
    }

    #[test]
    fn a_copy_that_is_stopped_leaves_nothing() {
        let scratch = test_support::scratch();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        lay(&from, "a 644 \"\"\nb/c 644 \"\"\nd 644 \"\"\n");
        // A file of more than one chunk, with nothing in it.
        let large = File::create(from.join("b/large")).unwrap();
        large.set_len(CHUNK + 1).unwrap();
        // The names in two directories, and once within the large file.
        let questions = Cell::new(0);
        let stopped_after = |after: usize| {
            questions.set(0);
            let stop = || questions.replace(questions.get() + 1) == after;
            make(&Copy {
                from: &from,
                to: &to,
                without: &[],
                stop: &stop,
            })
            .unwrap()
        };
        for after in 0..5 {
            assert_eq!(stopped_after(after), Made::Stopped);
            assert!(!to.exists());
            assert_eq!(questions.get(), after + 1, "it stops at once");
        }
        fs::create_dir(&to).unwrap();
        assert_eq!(stopped_after(4), Made::Stopped);
        assert_eq!(listing(&to), "");
        assert_eq!(stopped_after(usize::MAX), Made::Whole);
        // Where there are reflinks the large file is asked about once.
        assert!((5..=6).contains(&questions.get()), "{}", questions.get());
    }

    #[test]
    fn what_cannot_be_copied_is_named() {
        let scratch = test_support::scratch();
        let missing = scratch.path().join("missing");
        let refused = make(&Copy {
            from: &missing,
            to: scratch.path(),
            without: &[],
            stop: &|| false,
        })
        .unwrap_err();
        assert!(
            refused
                .to_string()
                .ends_with("missing: no such file or directory")
        );
    }
}
