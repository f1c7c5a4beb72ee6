//! What py-foreach itself writes to stderr while jobs run: the board, the answer to USR1, errors, the summary.
//!
//! A thread of its own writes, and everybody else only sends it messages: a stalled stderr holds up nothing but
//! the end of a run that no signal has ended.

mod rows;
mod screen;

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use common::{Error, Result, show};

use crate::TOOL;
use crate::live::Live;
use crate::output::{LogProgress, Over, tail};
use rows::{Row, State};

use screen::Screen;

/// How often the board is drawn.
const INTERVAL: Duration = Duration::from_millis(250);

/// The jobs that board and status tell of.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Each job's name and log, in declared order.
    pub(crate) jobs: Vec<(OsString, PathBuf)>,
    pub(crate) live: Arc<Live>,
    pub(crate) progress: Arc<LogProgress>,
}

/// The way to stderr.
#[derive(Debug)]
pub(crate) struct Console {
    messages: Sender<Message>,
    screen: Arc<Screen>,
}

#[derive(Debug)]
enum Message {
    Text(Vec<u8>),
    Status,
    EndOfBoard,
    /// Drop the sender: all is written that came before.
    Written(Sender<()>),
}

impl Console {
    /// Starts the thread that writes, with a board if the user `wants_board` and stderr can show one.
    pub(crate) fn start(subject: Subject, wants_board: bool) -> Result<Self> {
        let screen = Arc::new(Screen::open(wants_board)?);
        let written = Arc::clone(&screen);
        let (messages, received) = mpsc::channel();
        let write = move || write(&subject, &written, &received);
        let started = thread::Builder::new()
            .name("console".to_owned())
            .spawn(write);
        started.map_err(|cause| Error::io("start", "thread", cause))?;
        Ok(Self { messages, screen })
    }

    /// stderr itself, for output that shares the terminal with the board.
    pub(crate) fn screen(&self) -> &Arc<Screen> {
        &self.screen
    }

    /// Writes a line of our own.
    pub(crate) fn say(&self, line: impl Display) {
        self.show(format!("{TOOL}: {line}\n").into_bytes());
    }

    /// Writes `text` at once, so that lines of several programs do not mix.
    pub(crate) fn show(&self, text: Vec<u8>) {
        self.send(Message::Text(text));
    }

    /// Says which jobs run, since when, and what each printed last.
    pub(crate) fn report_status(&self) {
        self.send(Message::Status);
    }

    /// Takes the board away for good.
    pub(crate) fn end_board(&self) {
        self.send(Message::EndOfBoard);
    }

    /// Waits until everything is written, but no longer than `limit`.
    pub(crate) fn finish(self, limit: Option<Duration>) {
        let (send, written) = mpsc::channel();
        self.send(Message::Written(send));
        let _written = match limit {
            Some(limit) => written.recv_timeout(limit),
            None => written.recv().map_err(RecvTimeoutError::from),
        };
    }

    fn send(&self, message: Message) {
        // A thread that panicked writes nothing more.
        let _gone = self.messages.send(message);
    }
}

fn write(subject: &Subject, screen: &Screen, messages: &Receiver<Message>) {
    let begun = Instant::now();
    let mut has_board = screen.has_board();
    loop {
        let message = if has_board {
            messages.recv_timeout(INTERVAL)
        } else {
            messages.recv().map_err(RecvTimeoutError::from)
        };
        match message {
            Ok(Message::Text(text)) => screen.print(&text),
            Ok(Message::Status) => screen.print(subject.status().as_bytes()),
            Ok(Message::EndOfBoard) => {
                has_board = false;
                screen.print(b"");
            }
            Ok(Message::Written(told)) => drop(told),
            Err(RecvTimeoutError::Timeout) => {
                screen.draw(|size| rows::render(&subject.rows(), begun.elapsed(), size));
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Subject {
    /// The answer to USR1.
    fn status(&self) -> String {
        let lines = self.live.since().into_iter().map(|(job, since)| {
            let (name, seconds) = (show::name(&self.jobs[job].0), since.elapsed().as_secs());
            let last = self.last_line(job, 4096);
            let last = show::name(&last);
            format!("{TOOL}: {name}: runs for {seconds} s, printed last: {last}\n")
        });
        lines.collect()
    }

    fn rows(&self) -> Vec<Row<'_>> {
        let running = self.live.since();
        let state = |job| match (running.get(&job), self.progress.ended(job)) {
            (Some(since), _) => State::Runs(since.elapsed(), self.last_line(job, 512)),
            (None, Some(Over::Success)) => State::Done,
            (None, Some(Over::Failure)) => State::Failed,
            (None, None) => State::Waits,
        };
        let names = self.jobs.iter().enumerate();
        names
            .map(|(job, (name, _))| Row {
                name,
                state: state(job),
            })
            .collect()
    }

    /// What a job printed last, at most so many bytes of it.
    fn last_line(&self, job: usize, bytes: u64) -> String {
        let begin = self.progress.printed(job).start;
        // A log that is not there yet has no line.
        let line = tail(&self.jobs[job].1, begin, 1, bytes).unwrap_or_default();
        String::from_utf8_lossy(&line).trim().to_owned()
    }
}
