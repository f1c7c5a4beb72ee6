//! Shows the logs, in declared order or line by line as they grow, and hands the records on.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use common::record::Writer;
use common::{Error, Result};

use super::prefix::Lines;
use super::progress::{LogProgress, News};
use super::records::Records;
use super::sink::Sink;

/// How much of a job is shown at once, in bytes.
const TURN: usize = 256 << 10;

type Write = Box<dyn Fn(&[u8]) -> Result<()> + Send>;

/// What is shown, and where.
pub(crate) struct Show {
    pub(crate) progress: Arc<LogProgress>,
    /// Each job's log, in declared order.
    pub(crate) logs: Vec<PathBuf>,
    pub(crate) style: Style,
    /// Writes output, for which a board on the same terminal has to give way.
    pub(crate) write: Write,
    pub(crate) records: Records,
}

/// How output is shown.
#[derive(Debug)]
pub(crate) enum Style {
    /// The first unfinished job streams.
    Live,
    /// All jobs at once, whole lines with the job's name before each.
    Prefix(Vec<Lines>),
    Quiet,
}

impl Show {
    /// Shows all jobs to their ends; gives the stream of records back for its end.
    pub(crate) fn run(mut self) -> Result<Option<Writer<Sink>>> {
        let mut shown = vec![Some(0); self.logs.len()];
        let mut reader = Reader::default();
        let mut last = 0;
        while let Some(first) = shown.iter().position(Option::is_some) {
            let jobs = match self.style {
                Style::Prefix(_) => first..shown.len(),
                Style::Live | Style::Quiet => first..first + 1,
            };
            let (job, news) = self.progress.wait(last, &jobs, &shown);
            last = job;
            match news {
                News::Grown(place) => {
                    let count = self.show(job, &place, &mut reader)?;
                    shown[job] = shown[job].map(|shown| shown + count);
                }
                News::Over(over) => {
                    if let Style::Prefix(lines) = &mut self.style {
                        (self.write)(&lines[job].rest())?;
                    }
                    self.records.over(job, over)?;
                    shown[job] = None;
                }
            }
        }
        Ok(self.records.into_writer())
    }

    /// Shows what `place` of a log holds, or the beginning of that; tells how many bytes those are.
    fn show(&mut self, job: usize, place: &Range<u64>, reader: &mut Reader) -> Result<u64> {
        let lines = match &mut self.style {
            Style::Quiet => return Ok(place.end - place.start),
            Style::Live => None,
            Style::Prefix(lines) => Some(&mut lines[job]),
        };
        let bytes = reader.read(job, &self.logs[job], place)?;
        match lines {
            None => (self.write)(bytes)?,
            Some(lines) => (self.write)(&lines.take(bytes))?,
        }
        Ok(bytes.len() as u64)
    }
}

/// Reads the logs. It has one open at a time: there may be more logs than descriptors.
#[derive(Debug, Default)]
struct Reader {
    open: Option<(usize, File)>,
    buffer: Vec<u8>,
}

impl Reader {
    fn read(&mut self, job: usize, log: &PathBuf, place: &Range<u64>) -> Result<&[u8]> {
        let failed = |cause| Error::io("read", log, cause);
        let file = match self.open.take() {
            Some((open, file)) if open == job => file,
            _ => File::open(log).map_err(failed)?,
        };
        self.buffer.resize(TURN, 0);
        let wanted = usize::try_from(place.end - place.start)
            .unwrap_or(TURN)
            .min(TURN);
        let count = file
            .read_at(&mut self.buffer[..wanted], place.start)
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
