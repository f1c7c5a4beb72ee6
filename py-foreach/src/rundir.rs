//! The one directory that holds what a run needs for a while: the pool's fifo, the jobs' own things.

use std::env;
use std::path::{Path, PathBuf};

use common::{Error, Result};
use tempfile::TempDir;

use crate::remove;

/// The directory; it goes away with the run, whatever the run comes to.
#[derive(Debug)]
pub(crate) struct RunDir(TempDir);

impl RunDir {
    /// Makes it in `$T`, else in TMPDIR.
    pub(crate) fn make() -> Result<Self> {
        let parent = parent();
        if parent.as_os_str().as_encoded_bytes().contains(&b':') {
            let cause = "a directory of PATH cannot have a colon in its name";
            return Err(Error::refused("make a directory in", parent, cause));
        }
        let made = tempfile::Builder::new()
            .prefix("py-foreach-")
            .tempdir_in(&parent);
        made.map(Self)
            .map_err(|cause| Error::io("make a directory in", &parent, cause))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Removes it, and says so where that cannot be done.
    pub(crate) fn remove(self) -> Result<()> {
        remove::tree(self.0.path())
    }
}

/// Where temporary things go: Gentoo's `$T`, or TMPDIR.
pub(crate) fn parent() -> PathBuf {
    gentoo_t().unwrap_or_else(env::temp_dir)
}

/// `$T`, where it is set and names a directory by its whole path.
pub(crate) fn gentoo_t() -> Option<PathBuf> {
    let path = env::var_os("T").map(PathBuf::from)?;
    (path.is_absolute() && path.is_dir()).then_some(path)
}
