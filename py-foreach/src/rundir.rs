//! The one directory that holds what a run needs for a while: the pool's fifo, the jobs' own files.

use std::env;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::{Error, Result};
use rustix::fs::{StatVfsMountFlags, statvfs};
use tempfile::TempDir;

use crate::remove;

/// Others may not list it, but may pass through by a name that they know: a job that becomes another user (`su`,
/// `setpriv`) is to find its python and make there, and not others further down PATH.
const MODE: u32 = 0o711;

/// The directory; it goes away with the run, however the run ends.
#[derive(Debug)]
pub(crate) struct RunDir(TempDir);

impl RunDir {
    /// Makes it in `$T`, else in TMPDIR.
    ///
    /// # Errors
    /// It cannot be made, or programs that lie there cannot be found on a PATH or not be run, or the clients of the
    /// pool cannot read its name.
    pub(crate) fn make() -> Result<Self> {
        let parent = parent();
        let refused = |cause| Err(Error::refused("make a directory in", &parent, cause));
        if !is_plain(&parent) {
            return refused(
                "make, ninja and cargo cannot read its name in MAKEFLAGS, nor a shell in PATH; set TMPDIR to \
                 a path of letters, digits and ./_-+@%=,~",
            );
        }
        let made = tempfile::Builder::new()
            .prefix("py-foreach-")
            .permissions(Permissions::from_mode(MODE))
            .tempdir_in(&parent);
        let made = made.map_err(|cause| Error::io("make a directory in", &parent, cause))?;
        let mount = statvfs(made.path()).map_err(|c| Error::io("look at", made.path(), c))?;
        if mount.f_flag.contains(StatVfsMountFlags::NOEXEC) {
            return refused("it is mounted noexec, and the jobs' python and make could not be run");
        }
        Ok(Self(made))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Removes it.
    pub(crate) fn remove(self) -> Result<()> {
        remove::tree(self.path())
    }
}

/// Whether this name stays whole in MAKEFLAGS and in PATH. Each client has its own idea of a blank, a `$` or a quote
/// there: make wants them escaped, ninja and cargo know no escape.
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
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_name_that_a_client_takes_apart_is_not_plain() {
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
            "/a:b",
        ] {
            assert!(!is_plain(Path::new(odd)), "{odd:?}");
        }
        assert!(!is_plain(Path::new(OsStr::from_bytes(b"/a\xffb"))));
    }
}
