//! Where the jobs' logs lie.

use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::{Error, Result};
use tempfile::TempDir;

use crate::rundir;

/// The directory of the logs.
#[derive(Debug)]
pub(crate) enum Logs {
    /// One that the caller knows: `--log-dir`, or Gentoo's `$T`.
    Named(PathBuf),
    /// One of ours, for the case of a failure.
    Temporary(TempDir),
}

impl Logs {
    pub(crate) fn open(asked: Option<&Path>) -> Result<Self> {
        if let Some(dir) = asked {
            std::fs::create_dir_all(dir).map_err(|c| Error::io("make directory", dir, c))?;
            let whole = std::path::absolute(dir).map_err(|c| Error::io("find", dir, c))?;
            return Ok(Self::Named(whole));
        }
        if let Some(t) = rundir::gentoo_t() {
            return Ok(Self::Named(t));
        }
        let parent = rundir::temporary();
        let made = tempfile::Builder::new()
            .prefix("py-foreach-logs-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&parent);
        made.map(Self::Temporary)
            .map_err(|c| Error::io("make a directory in", &parent, c))
    }

    /// The directory that goes away unless something fails.
    pub(crate) fn temporary(&self) -> Option<PathBuf> {
        match self {
            Self::Temporary(dir) => Some(dir.path().to_owned()),
            Self::Named(_) => None,
        }
    }

    /// The log of the job that bears `id`.
    pub(crate) fn of(&self, id: &OsStr) -> PathBuf {
        let mut name = OsString::from("build-");
        name.push(id);
        name.push(".log");
        match self {
            Self::Named(dir) => dir.join(name),
            Self::Temporary(dir) => dir.path().join(name),
        }
    }

    /// The run is over: what nobody asked for goes away, unless something failed.
    pub(crate) fn close(self, failed: bool) -> Result<()> {
        match self {
            Self::Temporary(dir) if failed => {
                drop(dir.keep());
                Ok(())
            }
            Self::Temporary(dir) => {
                let path = dir.path().to_owned();
                dir.close()
                    .map_err(|cause| Error::io("remove", path, cause))
            }
            Self::Named(_) => Ok(()),
        }
    }
}
