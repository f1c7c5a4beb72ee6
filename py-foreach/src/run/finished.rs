//! What a job came to.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::{Error, exit};

use crate::job::Ending;
use crate::supervise::{Daemon, Usage};

/// A job that has ended, its whole output in its log.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) ending: Ending,
    pub(crate) started: SystemTime,
    pub(crate) wall: Duration,
    pub(crate) usage: Usage,
    /// The most memory that the whole tree took at one time, in bytes, as far as it was seen.
    pub(crate) peak: u64,
    pub(crate) log: PathBuf,
    /// Where in the log its bytes begin.
    pub(crate) begin: u64,
    /// How much it printed, in bytes.
    pub(crate) printed: u64,
    /// Processes that were left running.
    pub(crate) daemons: Vec<Daemon>,
    /// A daemon held the job's output; its later output is lost.
    pub(crate) output_held: bool,
    /// What py-foreach itself could not do for the job.
    pub(crate) errors: Vec<Error>,
}

impl Finished {
    /// A job that begins now, and of which nothing is known but its log.
    pub(crate) fn begun(log: &Path) -> Self {
        Self {
            ending: Ending::Broken,
            started: SystemTime::now(),
            wall: Duration::ZERO,
            usage: Usage::default(),
            peak: 0,
            log: log.to_owned(),
            begin: 0,
            printed: 0,
            daemons: Vec::new(),
            output_held: false,
            errors: Vec::new(),
        }
    }

    /// A job that could not be run because of `error`.
    pub(crate) fn broken(log: &Path, error: Error) -> Self {
        let errors = vec![error];
        Self {
            errors,
            ..Self::begun(log)
        }
    }

    /// Whether its image, its log and its status are all good.
    pub(crate) fn is_success(&self) -> bool {
        self.ending.is_success() && self.errors.is_empty()
    }

    /// The status that counts for the whole run; `None` for a job that we stopped.
    pub(crate) fn status(&self) -> Option<u8> {
        match self.ending.status() {
            Some(exit::DONE) if !self.errors.is_empty() => Some(exit::FOREACH_FAILED),
            status => status,
        }
    }
}
