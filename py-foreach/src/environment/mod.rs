//! What each job finds: its variables, its directories, the words of its command.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use common::Result;

use crate::job::{Ending, Job, Launch, PoolView};
use crate::settings::Settings;
use crate::which::Choice;

/// How one job is made ready.
#[derive(Debug)]
pub(crate) struct Plan {
    name: OsString,
    command: Vec<OsString>,
}

/// Decides all jobs; their temporary things will lie below `run_dir`.
pub(crate) fn plan(settings: &Settings, choices: Vec<Choice>, _run_dir: &Path) -> Result<Vec<Job>> {
    let jobs = choices.into_iter().map(|choice| Job {
        name: choice.name.clone(),
        id: choice.name.clone(),
        record: None,
        plan: Plan {
            name: choice.name,
            command: settings.command.clone(),
        },
    });
    Ok(jobs.collect())
}

impl Plan {
    /// Makes the job's directories and gives what is to be executed.
    ///
    /// Runs in the job's own thread, once the job holds a slot.
    pub(crate) fn prepare(&self, _pool: &PoolView) -> Result<Launch> {
        let mut env: Vec<_> = std::env::vars_os().collect();
        env.retain(|(name, _)| name != "MULTIBUILD_VARIANT");
        env.push(("MULTIBUILD_VARIANT".into(), self.name.clone()));
        Ok(Launch {
            program: PathBuf::from(&self.command[0]),
            argv: self.command.clone(),
            env,
            cwd: None,
        })
    }

    /// Takes what the job leaves, once its whole output is in its log.
    pub(crate) fn collect(&self, _ending: Ending) -> Result<()> {
        Ok(())
    }
}
