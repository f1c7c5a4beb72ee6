//! What a run came to.

use common::Error;
use common::record::Writer;

use super::finished::Finished;
use crate::job::Ending;
use crate::output::Sink;
use crate::report::Facts;

/// What all jobs came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// In declared order; nothing for a job that was never started.
    pub(crate) finished: Vec<Option<Finished>>,
    /// The signal that ended the run.
    pub(crate) signal: Option<i32>,
    /// What went wrong with the run itself.
    pub(crate) errors: Vec<Error>,
    /// Slots that killed clients took with them, and that were made good.
    pub(crate) lost: usize,
    /// What the report tells of the means.
    pub(crate) facts: Facts,
    /// The stream of records, still open.
    pub(crate) writer: Option<Writer<Sink>>,
}

impl Outcome {
    /// Whether something failed by itself, and not because we stopped it.
    pub(crate) fn has_failed(&self) -> bool {
        let mut jobs = self.finished.iter().flatten();
        jobs.any(|job| !job.is_success() && job.ending != Ending::Stopped)
    }
}
