//! The directory on every job's PATH in which `make` and `ninja` are clients of the pool.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use common::{Error, Result};

use super::commands::{self, Script};
use crate::clients::{self, Client};
use crate::job::PoolView;
use crate::variables::Variables;

/// The clients that there is a real program for. They are the same for all jobs of a run.
#[derive(Debug)]
pub(super) struct ClientScripts {
    /// `RUN/clients`.
    pub(super) directory: PathBuf,
    /// Where they keep what the real programs understand.
    pub(super) known: PathBuf,
    /// The program of py-foreach.
    program: PathBuf,
    /// Some of [`clients::NAMES`].
    names: Vec<OsString>,
}

impl ClientScripts {
    /// Decides them; nothing is made.
    pub(super) fn plan(run_dir: &Path, given: &Variables) -> Result<Self> {
        let path = given.get("PATH").unwrap_or_default();
        let there = |name: &&str| clients::on_path(OsStr::new(name), path, None).is_some();
        let names = clients::NAMES.into_iter().filter(there);
        Ok(Self {
            directory: run_dir.join("clients"),
            known: run_dir.to_owned(),
            program: std::env::current_exe()
                .map_err(|cause| Error::io("find", "own program", cause))?,
            names: names.map(OsString::from).collect(),
        })
    }

    /// Writes them, for `pool`.
    pub(super) fn write(&self, pool: &PoolView) -> Result<()> {
        let scripts: Vec<Script> = self
            .names
            .iter()
            .map(|name| self.script(name, pool))
            .collect();
        commands::write(&self.directory, &scripts)
    }

    fn script(&self, name: &OsStr, pool: &PoolView) -> Script {
        let client = Client {
            name: name.to_owned(),
            fifo: pool.fifo.clone(),
            share: pool.share,
            scripts: self.directory.clone(),
            known: self.known.clone(),
        };
        let words = client.words(&self.program);
        let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
        Script::executing(name, &words)
    }
}
