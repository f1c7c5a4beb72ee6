//! Shows the logs in declared order and hands the records on.

use std::fs::File;

use common::record::Writer;
use common::{Error, Result};

use super::feed::{Feeds, News, Over};
use super::records::Records;
use super::sink::Sink;
use crate::board::Screen;

/// What is shown, and where.
#[derive(Debug)]
pub(crate) struct Show<'a> {
    pub(crate) feeds: &'a Feeds,
    /// Nothing where the logs alone have the output.
    pub(crate) output: Option<Sink>,
    /// The board that has to give way, if there is one.
    pub(crate) screen: Option<&'a Screen<'a>>,
    pub(crate) records: Records,
}

impl Show<'_> {
    /// Goes through all jobs; gives the stream of records back for its end.
    pub(crate) fn run(mut self) -> Result<Option<Writer<Sink>>> {
        for job in 0..self.records.jobs() {
            let over = self.follow(job)?;
            self.records.over(job, over)?;
        }
        Ok(self.records.into_writer())
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
                match self.screen {
                    Some(screen) => {
                        let last = last_byte(&file, to)?;
                        screen.aside(last, || sink.show(&file, from, to - from))?;
                    }
                    None => sink.show(&file, from, to - from)?,
                }
                open = Some(file);
            }
            shown += to - from;
        }
    }
}

/// The byte before `end`.
fn last_byte(file: &File, end: u64) -> Result<Option<u8>> {
    use std::os::unix::fs::FileExt;
    let mut byte = [0];
    let at = end.saturating_sub(1);
    let read = file.read_at(&mut byte, at);
    let read = read.map_err(|cause| Error::io("read", "the log of a job", cause))?;
    Ok((read == 1).then_some(byte[0]))
}
