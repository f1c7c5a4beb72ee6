//! Shows the logs of all jobs at once, whole lines with the job's name before each.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use common::record::Writer;
use common::{Error, Result};

use super::feed::{Feeds, News};
use super::prefix::Lines;
use super::records::Records;
use super::sink::Sink;

/// How much of one job is shown before the next has its turn, in bytes.
const TURN: usize = 64 << 10;

/// What is shown, and where.
#[derive(Debug)]
pub(crate) struct Interleave<'a> {
    pub(crate) feeds: &'a Feeds,
    pub(crate) output: Sink,
    /// Each job's, in declared order.
    pub(crate) lines: Vec<Lines>,
    pub(crate) records: Records,
}

impl Interleave<'_> {
    /// Shows all jobs to their ends; gives the stream of records back for its end.
    pub(crate) fn run(mut self) -> Result<Option<Writer<Sink>>> {
        let mut shown = vec![Some(0); self.records.jobs()];
        let mut open = shown.len();
        let mut last = open.saturating_sub(1);
        let mut reader = Reader::default();
        while open > 0 {
            let (job, news) = self.feeds.wait_for_any(last, &shown);
            last = job;
            match news {
                News::Grown { log, from, to } => {
                    let bytes = reader.read(job, &log, from, to)?;
                    let text = self.lines[job].take(bytes);
                    shown[job] = shown[job].map(|shown| shown + bytes.len() as u64);
                    self.output.write_all(&text)?;
                }
                News::Over(over) => {
                    self.output.write_all(&self.lines[job].rest())?;
                    self.records.over(job, over)?;
                    shown[job] = None;
                    open -= 1;
                }
            }
        }
        Ok(self.records.into_writer())
    }
}

/// Reads the logs. It has one open at a time: there may be more of them than descriptors.
#[derive(Debug, Default)]
struct Reader {
    open: Option<(usize, File)>,
    buffer: Vec<u8>,
}

impl Reader {
    /// What the log of `job` has between the two positions, or the beginning of that.
    fn read(&mut self, job: usize, log: &Path, from: u64, to: u64) -> Result<&[u8]> {
        let failed = |cause| Error::io("read", log, cause);
        let file = match self.open.take() {
            Some((open, file)) if open == job => file,
            _ => File::open(log).map_err(failed)?,
        };
        self.buffer.resize(TURN, 0);
        let wanted = usize::try_from(to - from).unwrap_or(TURN).min(TURN);
        let count = file
            .read_at(&mut self.buffer[..wanted], from)
            .map_err(failed)?;
        self.open = Some((job, file));
        match count {
            0 => Err(Error::said(
                "show the output of a job",
                "its log has shrunk",
            )),
            count => Ok(&self.buffer[..count]),
        }
    }
}
