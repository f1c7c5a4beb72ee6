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
pub(crate) struct Logs {
    directory: PathBuf,
    /// It is ours, for the case of a failure: nobody named a place.
    temporary: Option<TempDir>,
}

impl Logs {
    pub(crate) fn open(asked: Option<&Path>) -> Result<Self> {
        let named = |directory| Self {
            directory,
            temporary: None,
        };
        if let Some(dir) = asked {
            std::fs::create_dir_all(dir).map_err(|c| Error::io("make directory", dir, c))?;
            let whole = std::path::absolute(dir).map_err(|c| Error::io("find", dir, c))?;
            return Ok(named(whole));
        }
        if let Some(t) = rundir::gentoo_t() {
            return Ok(named(t));
        }
        let parent = rundir::temporary();
        let made = tempfile::Builder::new()
            .prefix("py-foreach-logs-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&parent);
        let made = made.map_err(|cause| Error::io("make a directory in", &parent, cause))?;
        Ok(Self {
            directory: made.path().to_owned(),
            temporary: Some(made),
        })
    }

    /// The directory, if it goes away unless something fails.
    pub(crate) fn temporary(&self) -> Option<PathBuf> {
        self.temporary.as_ref().map(|_| self.directory.clone())
    }

    /// The log of the job that has this `id`.
    pub(crate) fn of(&self, id: &OsStr) -> PathBuf {
        let mut name = OsString::from("build-");
        name.push(id);
        name.push(".log");
        self.directory.join(name)
    }

    /// The run is over: a directory that nobody asked for goes away, unless something failed.
    pub(crate) fn close(self, failed: bool) -> Result<()> {
        match self.temporary {
            Some(made) if failed => drop(made.keep()),
            Some(made) => {
                let closed = made.close();
                closed.map_err(|cause| Error::io("remove", self.directory, cause))?;
            }
            None => {}
        }
        Ok(())
    }
}
