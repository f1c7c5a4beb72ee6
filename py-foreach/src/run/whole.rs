//! A run as a whole: what is there before the first job, and what is taken away after the last.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use common::cli::Verbosity;
use common::{Error, Result};

use super::descriptors;
use super::engine::{Engine, Event};
use super::job_runner::JobRunner;
use super::live::Live;
use super::outcome::Outcome;
use super::schedule::Schedule;
use crate::board::{self, Screen};
use crate::cli::Output;
use crate::environment;
use crate::job::Job;
use crate::memory::{self, Memory};
use crate::output::{Before, Feeds, Hush, Interleave, Lines, Records, Show, Sink};
use crate::pool::Pool;
use crate::report::Facts;
use crate::settings::{Settings, Which};
use crate::signals::Stops;

/// A run: what is to be done, and with what.
pub(crate) struct Run<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) jobs: &'a [Job],
    /// Each job's log.
    pub(crate) logs: &'a [PathBuf],
    pub(crate) pool: Pool,
    pub(crate) events: &'a Receiver<Event>,
    pub(crate) tell: Sender<Event>,
    pub(crate) hush: Arc<Hush>,
    pub(crate) stops: Stops,
    /// Where we speak while jobs run.
    pub(crate) stderr: &'a Sink,
    /// The most jobs that may run at the same time, slots apart.
    pub(crate) at_once: usize,
}

/// How many jobs may run at the same time, slots apart; says so where descriptors are the limit.
pub(crate) fn at_once(settings: &Settings, jobs: usize, pool: &Pool) -> Result<usize> {
    let most = settings.limits.max_impls;
    let most = most.map_or(usize::MAX, std::num::NonZeroUsize::get);
    let room = descriptors::room()?;
    let wished = together(jobs, pool, most);
    if room < wished && settings.verbosity != Verbosity::Quiet {
        common::error::eprint_line(&format!(
            "{}: note: the limit of open files has room for {room} at once, not for {wished}",
            crate::TOOL
        ));
    }
    Ok(most.min(room))
}

impl<'a> Run<'a> {
    /// Runs all, and waits for all.
    pub(crate) fn all(self) -> Result<Outcome> {
        let live = Live::new();
        let feeds = Feeds::new(self.jobs.len());
        let limits = &self.settings.limits;
        let begun = Instant::now();
        let memory = Memory::open(limits.memory)?;
        let screen = self.screen()?;
        let together = together(self.jobs.len(), &self.pool, self.at_once);
        let view = self.pool.view(together);
        environment::offer(self.jobs, &view)?;
        let runner = JobRunner {
            live: &live,
            progress: &feeds,
            pool: &view,
            before: match self.settings.which {
                Which::Variants(_) => Before::Keep,
                Which::Implementations(_) => Before::Discard,
            },
            timeout: limits.timeout,
            grace: limits.grace,
        };
        let mut facts = Facts {
            wall: Duration::ZERO,
            slots: self.pool.size(),
            pool: self.pool.whose(),
            share: view.share,
            memory: memory.as_ref().map(|memory| memory.at_start),
        };
        let mut pressure = memory.as_ref().map(Memory::pressure);
        if let Some(pressure) = &mut pressure {
            // Before anything starts: the watch has its first look later.
            live.set_pressed(pressure.is_high());
        }
        thread::scope(|scope| {
            // However this ends, nobody is to wait for a job that never comes.
            let _all_over = AllOver(&feeds);
            self.start_showing(scope, &feeds, screen.as_ref())?;
            // It watches as long as this lives.
            let (_watching, stop) = mpsc::channel();
            if let Some(pressure) = pressure {
                let (live, tell) = (&live, self.tell.clone());
                let changed = move || drop(tell.send(Event::Pressed));
                spawn(scope, move || {
                    memory::watch(live, pressure, &changed, &stop);
                })?;
            }
            let subject = board::Subject {
                jobs: self.jobs,
                logs: self.logs,
                live: &live,
                feeds: &feeds,
            };
            let (stderr, terminal) = (self.stderr, screen.as_ref());
            let (status, asked) = mpsc::sync_channel(1);
            spawn(scope, move || {
                board::answer(subject, stderr, terminal, &asked);
            })?;
            let (board, stop) = mpsc::channel();
            if let Some(screen) = &screen {
                spawn(scope, move || board::watch(subject, screen, &stop))?;
            }
            let mut engine = Engine {
                scope,
                jobs: self.jobs,
                logs: self.logs,
                limits,
                runner: &runner,
                schedule: Schedule::new(self.jobs.len(), self.at_once),
                pool: self.pool,
                tell: self.tell,
                finished: self.jobs.iter().map(|_| None).collect(),
                status,
                signal: None,
                interrupted: false,
                stops: self.stops,
                errors: Vec::new(),
                lost: 0,
                memory,
            };
            let writer = engine.run(self.events);
            drop::<Sender<()>>(board);
            let Engine {
                pool,
                finished,
                signal,
                mut errors,
                lost,
                ..
            } = engine;
            errors.extend(pool.close().err());
            facts.wall = begun.elapsed();
            Ok(Outcome {
                finished,
                signal,
                errors,
                lost,
                facts,
                writer,
            })
        })
    }

    /// Where output is shown: stdout belongs to the records, if there are any.
    fn sink(&self) -> Result<Sink> {
        match self.settings.images {
            Some(_) => Sink::stderr(&self.hush),
            None => Sink::stdout(&self.hush),
        }
    }

    /// The lines of each job, its name before them.
    fn lines(&self) -> Vec<Lines> {
        let names = self.jobs.iter().map(|job| job.name.as_os_str());
        let width = names.clone().map(OsStr::len).max().unwrap_or(0);
        names.map(|name| Lines::new(name, width)).collect()
    }

    /// The terminal with a board, if there is to be one.
    fn screen(&self) -> Result<Option<Screen<'a>>> {
        if self.settings.verbosity == Verbosity::Quiet
            || self.settings.reports.output == Output::Prefix
        {
            return Ok(None);
        }
        let live = self.settings.reports.output == Output::Live;
        Ok(Screen::open(
            self.stderr,
            live && self.sink()?.is_terminal(),
        ))
    }

    fn start_showing<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        feeds: &'scope Feeds,
        screen: Option<&'scope Screen<'scope>>,
    ) -> Result<()>
    where
        Self: 'scope,
    {
        let images = self.settings.images.is_some();
        let stdout = images.then(|| Sink::stdout(&self.hush)).transpose()?;
        let records = self.jobs.iter().map(|job| job.record.clone()).collect();
        let records = Records::new(records, stdout);
        let output = self.settings.reports.output;
        let tell = self.tell.clone();
        if output == Output::Prefix {
            let show = Interleave {
                feeds,
                output: self.sink()?,
                lines: self.lines(),
                records,
            };
            spawn(scope, move || drop(tell.send(Event::Shown(show.run()))))?;
        } else {
            let live = output == Output::Live;
            let show = Show {
                feeds,
                output: live.then(|| self.sink()).transpose()?,
                screen,
                records,
            };
            spawn(scope, move || drop(tell.send(Event::Shown(show.run()))))?;
        }
        if images || output != Output::Quiet {
            let (stdout, tell) = (Sink::stdout(&self.hush)?, self.tell.clone());
            // It waits for ever where the reader stays, so nobody waits for it.
            let watched = thread::Builder::new().spawn(move || {
                if stdout.wait_until_gone() {
                    drop(tell.send(Event::ReaderGone));
                }
            });
            watched.map_err(no_thread)?;
        }
        Ok(())
    }
}

/// How many jobs are to run at the same time.
fn together(jobs: usize, pool: &Pool, at_once: usize) -> usize {
    jobs.min(pool.size()).min(at_once)
}

/// Ends all waiting for jobs when it is dropped.
struct AllOver<'a>(&'a Feeds);

impl Drop for AllOver<'_> {
    fn drop(&mut self) {
        self.0.all_over();
    }
}

/// Does `work` in a thread of its own.
fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() + Send + 'scope,
) -> Result<()> {
    let started = thread::Builder::new().spawn_scoped(scope, work);
    started.map(drop).map_err(no_thread)
}

fn no_thread(cause: std::io::Error) -> Error {
    Error::io("start", "thread", cause)
}
