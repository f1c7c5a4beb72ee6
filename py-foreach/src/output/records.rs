//! The records, handed on in declared order.

use common::Result;
use common::record::{Record, Writer};

use super::progress::Over;
use super::sink::Sink;

/// The stream of records, and the jobs that have one.
#[derive(Debug)]
pub(crate) struct Records {
    /// Each job's record, in declared order, and how the job ended.
    jobs: Vec<(Option<Record>, Option<Over>)>,
    next: usize,
    writer: Option<Writer<Sink>>,
}

impl Records {
    /// `of_jobs` are the records in declared order, `stdout` is where they go, if anywhere.
    pub(crate) fn new(of_jobs: impl Iterator<Item = Option<Record>>, stdout: Option<Sink>) -> Self {
        Self {
            jobs: of_jobs.map(|record| (record, None)).collect(),
            next: 0,
            writer: stdout.map(Writer::new),
        }
    }

    /// All of `job` has been shown. Hands on the records that are ready now.
    pub(super) fn over(&mut self, job: usize, over: Over) -> Result<()> {
        self.jobs[job].1 = Some(over);
        while let Some((record, Some(over))) = self.jobs.get(self.next) {
            if let (Over::Success, Some(record), Some(writer)) = (over, record, &mut self.writer) {
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
