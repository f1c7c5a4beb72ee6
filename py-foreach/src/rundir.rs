//! The one directory that holds what a run needs for a while: the pool's fifo, the jobs' own things.
//!
//! The fifo's path stands in MAKEFLAGS and `CARGO_MAKEFLAGS`, where each client has its own idea of a blank, a
//! `$` or a quote: make wants them escaped, ninja and cargo know no escape. So where the directory's name has
//! such bytes, the fifo lies in a second one that has not.

use std::env;
use std::fs::Permissions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::{Error, Result};
use rustix::fs::{StatVfsMountFlags, statvfs};
use tempfile::TempDir;

use crate::remove;

/// How the names of what we make begin.
const PREFIX: &str = "py-foreach-";

/// Nobody else is to look into it. Who knows a name in it may go there: a job that becomes another user
/// (`su`, `setpriv`) is to find its python and make there, and not others further down PATH.
const MODE: u32 = 0o711;

/// The directory; it goes away with the run, whatever the run comes to.
#[derive(Debug)]
pub(crate) struct RunDir {
    main: TempDir,
    /// For the fifo, where `main` has a name that not every client can read.
    plain: Option<TempDir>,
}

impl RunDir {
    /// Makes it in `$T`, else in TMPDIR.
    ///
    /// # Errors
    /// It cannot be made, or programs that lie there cannot be found on a PATH, or not be run: the job would
    /// go on with others of the same names.
    pub(crate) fn make() -> Result<Self> {
        let parent = parent();
        let made = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(MODE))
            .tempdir_in(&parent);
        let main = made.map_err(|cause| Error::io("make a directory in", &parent, cause))?;
        let refused = |cause| Err(Error::refused("make a directory in", &parent, cause));
        if main.path().as_os_str().as_bytes().contains(&b':') {
            return refused("a directory of PATH cannot have a colon in its name");
        }
        let mount = statvfs(main.path()).map_err(|c| Error::io("look at", main.path(), c))?;
        if mount.f_flag.contains(StatVfsMountFlags::NOEXEC) {
            return refused("it is mounted noexec, and the jobs' python and make could not be run");
        }
        let plain = if is_plain(main.path()) {
            None
        } else {
            plain_one()
        };
        Ok(Self { main, plain })
    }

    pub(crate) fn path(&self) -> &Path {
        self.main.path()
    }

    /// Where the pool's fifo is to lie.
    pub(crate) fn for_fifo(&self) -> &Path {
        self.plain.as_ref().unwrap_or(&self.main).path()
    }

    /// What is to be said of it, in words for a person.
    pub(crate) fn note(&self) -> Option<String> {
        let place = self.for_fifo();
        (!is_plain(place)).then(|| {
            format!(
                "note: no place for the pool with a plain name: ninja and cargo cannot read {}",
                common::show::name(place.as_os_str())
            )
        })
    }

    /// All that is to be removed.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let all = [Some(&self.main), self.plain.as_ref()];
        all.into_iter()
            .flatten()
            .map(|dir| dir.path().to_owned())
            .collect()
    }

    /// Removes it, and says so where that cannot be done.
    pub(crate) fn remove(self) -> Result<()> {
        // Both, whatever comes of the first.
        let removed: Vec<_> = self.paths().iter().map(|path| remove::tree(path)).collect();
        removed.into_iter().collect()
    }
}

/// A directory for nobody but us with a name that every client can read, if there is a place for one.
fn plain_one() -> Option<TempDir> {
    let own = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let own = own.filter(|path| path.is_absolute());
    let common = ["/tmp", "/var/tmp", "/dev/shm"].map(PathBuf::from);
    let mut places = own.into_iter().chain(common).filter(|path| is_plain(path));
    places.find_map(|place| {
        tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(place)
            .ok()
    })
}

/// Whether every client of a pool reads this name as it is.
fn is_plain(path: &Path) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%=,~".contains(c);
    path.to_str().is_some_and(|text| text.chars().all(plain))
}

/// Where temporary things go: Gentoo's `$T`, or TMPDIR.
pub(crate) fn parent() -> PathBuf {
    gentoo_t().unwrap_or_else(temporary)
}

/// TMPDIR by its whole path, or `/tmp` where it is not set or empty.
pub(crate) fn temporary() -> PathBuf {
    let named = env::var_os("TMPDIR").filter(|name| !name.is_empty());
    let path = named.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    // Where we are may be gone: then nothing can be made there, which is said when it is tried.
    std::path::absolute(&path).unwrap_or(path)
}

/// `$T`, where it is set and names a directory by its whole path.
pub(crate) fn gentoo_t() -> Option<PathBuf> {
    let path = env::var_os("T").map(PathBuf::from)?;
    (path.is_absolute() && path.is_dir()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn names_that_a_client_takes_apart_are_not_plain() {
        for plain in ["/tmp/py-foreach-Ab12", "/t/x_1.2+b@c/é", "/a=b,c~%"] {
            assert!(is_plain(Path::new(plain)), "{plain}");
        }
        for odd in [
            "/a b",
            "/a\tb",
            "/a\nb",
            "/a$b",
            "/a'b",
            "/a\"b",
            "/a\\b",
            "/a#b",
            "/a\u{a0}b",
        ] {
            assert!(!is_plain(Path::new(odd)), "{odd:?}");
        }
        assert!(!is_plain(Path::new(OsStr::from_bytes(b"/a\xffb"))));
    }
}
