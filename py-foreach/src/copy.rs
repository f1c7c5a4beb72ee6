//! An own copy of a source tree (`--copy-sources`): the builds write into it, and DIR stays as it is.
//!
//! Files are reflinked where the file system can, else copied. Modes, links and times to the nanosecond are
//! kept; each name becomes a file of its own, and it belongs to whoever builds. Sockets and devices, which
//! no build has any use for, are left out, and so is what belongs to the run itself.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink,
};
use std::path::{Path, PathBuf};

use common::{Error, Result};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, ioctl_ficlone, mknodat, utimensat,
};

/// A copy that is to be made.
#[derive(Debug)]
pub(crate) struct Copy<'a> {
    /// The directory to copy.
    pub(crate) from: &'a Path,
    /// Where the copy is to lie; made here, or there and empty.
    pub(crate) to: &'a Path,
    /// Directories that are not copied where they lie below `from`.
    pub(crate) without: &'a [PathBuf],
}

/// Makes the copy.
pub(crate) fn make(copy: &Copy<'_>) -> Result<()> {
    let failed = |cause: io::Error| Error::io("copy", copy.from, cause);
    let from = fs::canonicalize(copy.from).map_err(failed)?;
    let data = fs::metadata(&from).map_err(failed)?;
    if !data.is_dir() {
        return Err(Error::refused(
            "copy",
            copy.from.as_os_str(),
            "is not a directory",
        ));
    }
    let walk = Walk {
        without: copy.without.iter().map(|path| real(path)).collect(),
        reflinks: Cell::new(true),
    };
    fs::create_dir_all(copy.to).map_err(|cause| Error::io("make directory", copy.to, cause))?;
    walk.directory(&from, copy.to, &data)
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
struct Walk {
    /// Without links, like the paths of the walk itself.
    without: HashSet<PathBuf>,
    /// Until the file system says that it cannot.
    reflinks: Cell<bool>,
}

impl Walk {
    fn directory(&self, from: &Path, to: &Path, data: &Metadata) -> Result<()> {
        let failed = |cause: io::Error| Error::io("read directory", from, cause);
        for entry in fs::read_dir(from).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            self.entry(&from.join(&name), &to.join(&name))?;
        }
        fs::set_permissions(to, Permissions::from_mode(data.mode() & 0o7777))
            .map_err(|cause| Error::io("set mode of", to, cause))?;
        keep_times(to, data)
    }

    fn entry(&self, from: &Path, to: &Path) -> Result<()> {
        let failed = |cause: io::Error| Error::io("copy", from, cause);
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
            io::copy(&mut source, &mut target)?;
        }
        target.set_permissions(Permissions::from_mode(data.mode() & 0o7777))
    }
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
        })
        .unwrap();
        assert_eq!(listing(&to), "a 644 \"x\"\n");
    }

    #[test]
    fn what_cannot_be_copied_is_named() {
        let scratch = test_support::scratch();
        let missing = scratch.path().join("missing");
        let refused = make(&Copy {
            from: &missing,
            to: scratch.path(),
            without: &[],
        })
        .unwrap_err();
        assert!(
            refused
                .to_string()
                .ends_with("missing: no such file or directory")
        );
    }
}
