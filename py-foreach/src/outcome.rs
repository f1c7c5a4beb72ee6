//! The result of a job, and of a run.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::record::Writer;
use common::{Error, exit};

use crate::job::Ending;
use crate::output::Sink;
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

/// The result of all jobs.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// In declared order; `None` for a job that was never started.
    pub(crate) finished: Vec<Option<Finished>>,
    /// The signal that ended the run.
    pub(crate) signal: Option<i32>,
    /// What went wrong with the run itself.
    pub(crate) errors: Vec<Error>,
    /// Slots that killed clients took with them, and that were replaced.
    pub(crate) lost: usize,
    pub(crate) facts: Facts,
    /// The stream of records, still open.
    pub(crate) writer: Option<Writer<Sink>>,
}

/// What the report contains beside the jobs themselves.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) wall: Duration,
    pub(crate) slots: usize,
    /// `own` or `given`.
    pub(crate) pool: &'static str,
    /// The fixed number of slots for tools that know no pool.
    pub(crate) share: usize,
    /// Memory that was available before anything ran, in bytes.
    pub(crate) memory: Option<u64>,
}

impl Outcome {
    /// The outcome of a run of `jobs` jobs that begins now.
    pub(crate) fn begun(jobs: usize, facts: Facts) -> Self {
        Self {
            finished: (0..jobs).map(|_| None).collect(),
            signal: None,
            errors: Vec::new(),
            lost: 0,
            facts,
            writer: None,
        }
    }

    /// Whether something failed by itself, and not because we stopped it.
    pub(crate) fn has_failed(&self) -> bool {
        let mut jobs = self.finished.iter().flatten();
        jobs.any(|job| !job.is_success() && job.ending != Ending::Stopped)
    }

    /// The status of the run: that of the first failing job in declared order; ours where the run itself failed.
    pub(crate) fn status(&self) -> u8 {
        if !self.errors.is_empty() {
            return exit::FOREACH_FAILED;
        }
        let mut statuses = self.finished.iter().flatten().filter_map(Finished::status);
        statuses
            .find(|&status| status != exit::DONE)
            .unwrap_or(exit::DONE)
    }
}
