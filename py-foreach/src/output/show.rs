//! Shows the logs in declared order and hands the records on.

use std::fs::File;

use common::record::{Record, Writer};
use common::{Error, Result};

use super::feed::{Feeds, News, Over};
use super::sink::Sink;

/// What is shown, and where.
#[derive(Debug)]
pub(crate) struct Show<'a> {
    pub(crate) feeds: &'a Feeds,
    /// Nothing where the logs alone have the output, or where it is shown elsewhere.
    pub(crate) output: Option<Sink>,
    /// Each job's record, in declared order.
    pub(crate) records: Vec<Option<Record>>,
    pub(crate) writer: Option<Writer<std::io::Stdout>>,
}

impl Show<'_> {
    /// Goes through all jobs; gives the stream of records back for its end.
    pub(crate) fn run(mut self) -> Result<Option<Writer<std::io::Stdout>>> {
        for job in 0..self.records.len() {
            let over = self.follow(job)?;
            if let (Over::Good, Some(record), Some(writer)) =
                (over, &self.records[job], &mut self.writer)
            {
                writer.record(record)?;
            }
        }
        Ok(self.writer)
    }

    fn follow(&self, job: usize) -> Result<Over> {
        let mut shown = 0;
        let mut open: Option<File> = None;
        loop {
            let (log, from, to) = match self.feeds.wait(job, shown) {
                News::Grown { log, from, to } => (log, from, to),
                News::Over(over) => return Ok(over),
            };
            if let Some(sink) = &self.output {
                let file = match open.take() {
                    Some(file) => file,
                    None => File::open(&log).map_err(|c| Error::io("read", &log, c))?,
                };
                sink.show(&file, from, to - from)?;
                open = Some(file);
            }
            shown += to - from;
        }
    }
}
