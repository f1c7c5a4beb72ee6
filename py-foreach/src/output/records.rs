//! The records, handed on in declared order.

use common::Result;
use common::record::{Record, Writer};

use super::feed::Over;
use super::sink::Sink;

/// The stream of records, and the jobs that have one.
#[derive(Debug)]
pub(crate) struct Records {
    /// Each job's record, in declared order.
    of_jobs: Vec<Option<Record>>,
    /// What is known of the jobs from [`Self::next`] on.
    over: Vec<Option<Over>>,
    next: usize,
    writer: Option<Writer<Sink>>,
}

impl Records {
    /// `of_jobs`: each job's, in declared order. `stdout`: where they go, if anywhere.
    pub(crate) fn new(of_jobs: Vec<Option<Record>>, stdout: Option<Sink>) -> Self {
        Self {
            over: vec![None; of_jobs.len()],
            of_jobs,
            next: 0,
            writer: stdout.map(Writer::new),
        }
    }

    /// How many jobs there are.
    pub(super) fn jobs(&self) -> usize {
        self.of_jobs.len()
    }

    /// All of `job` has been shown. Hands on what is ready now.
    pub(super) fn over(&mut self, job: usize, over: Over) -> Result<()> {
        self.over[job] = Some(over);
        while let Some(Some(over)) = self.over.get(self.next) {
            if let (Over::Good, Some(record), Some(writer)) =
                (over, &self.of_jobs[self.next], &mut self.writer)
            {
                writer.record(record)?;
            }
            self.next += 1;
        }
        Ok(())
    }

    /// The stream, for its end.
    pub(super) fn into_writer(self) -> Option<Writer<Sink>> {
        self.writer
    }
}
