//! The status board on a terminal: a line for each job that runs or has failed, and a total.
//!
//! It stands on stderr below whatever else is printed there: [`Screen`] takes it away before output is
//! shown and [`watch`] puts it back once the output rests at the beginning of a line. Where stderr is no
//! terminal there is none, and with `-q` neither. Who sends USR1 is told the same once, in plain lines.

mod rows;
mod screen;
mod status;

use std::ffi::OsStr;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::job::Job;
use crate::output::{Feeds, tail};
use crate::run::Live;
use rows::{Row, State};

pub(crate) use screen::Screen;
pub(crate) use status::answer;

/// How often it is drawn.
const INTERVAL: Duration = Duration::from_millis(250);

/// What the board is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) jobs: &'a [Job],
    pub(crate) logs: &'a [std::path::PathBuf],
    pub(crate) live: &'a Live,
    pub(crate) feeds: &'a Feeds,
}

/// Keeps the board up to date until `stop` is dropped, and leaves no trace of it.
pub(crate) fn watch(subject: Subject<'_>, screen: &Screen<'_>, stop: &Receiver<()>) {
    let begun = Instant::now();
    while stop.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        let rows = subject.rows();
        screen.draw(|size| rows::render(&rows, begun.elapsed(), size));
    }
    screen.clear();
}

impl Subject<'_> {
    /// The jobs that run, and since when. Whoever decides about them waits for nothing that follows.
    fn running(&self) -> Vec<(usize, Instant)> {
        let live = self.live.lock();
        live.iter()
            .map(|(&index, job)| (index, job.since))
            .collect()
    }

    fn rows(&self) -> Vec<Row<'_>> {
        let since = self.running();
        let mut rows: Vec<Row<'_>> = Vec::with_capacity(self.jobs.len());
        for (index, job) in self.jobs.iter().enumerate() {
            let name: &OsStr = &job.name;
            let running = since.iter().find(|(running, _)| *running == index);
            let state = match (running, self.feeds.success(index)) {
                (Some((_, since)), _) => State::Runs(since.elapsed(), self.last_line(index, 512)),
                (None, Some(true)) => State::Done,
                (None, Some(false)) => State::Failed,
                (None, None) => State::Waits,
            };
            rows.push(Row { name, state });
        }
        rows
    }

    /// What a job printed last, at most so many bytes of it.
    fn last_line(&self, index: usize, bytes: u64) -> String {
        let begin = self.feeds.begin(index);
        // A log that is not there yet has no line.
        let line = tail(&self.logs[index], begin, 1, bytes).unwrap_or_default();
        String::from_utf8_lossy(&line).trim().to_owned()
    }
}
