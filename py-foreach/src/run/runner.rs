//! The threads of a run: what there is before the first job, and what ends after the last.

use std::ffi::OsStr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use common::{Error, Result};

use super::engine::Engine;
use super::job_runner::JobRunner;
use super::plan::{Event, Run};
use super::room;
use super::schedule::Schedule;
use crate::TOOL;
use crate::cli::Output;
use crate::cli::{Settings, Which};
use crate::environment::Job;
use crate::memory::{self, Memory};
use crate::outcome::{Facts, Outcome};
use crate::output::{Before, Lines, Records, Show, Sink, Style};
use crate::pool::Pool;

/// How many jobs may run at the same time, slots apart; says so where descriptors are the limit.
pub(crate) fn at_once(settings: &Settings, jobs: usize, pool: &Pool) -> Result<usize> {
    let most = settings.limits.max_impls;
    let most = most.map_or(usize::MAX, std::num::NonZeroUsize::get);
    let room = room::for_open_files()?;
    let wished = jobs.min(pool.size()).min(most);
    if room < wished && !settings.is_quiet() {
        common::error::eprint_line(&format!(
            "{TOOL}: note: the limit of open files has room for {room} at once, not for {wished}"
        ));
    }
    Ok(most.min(room))
}

impl Run<'_> {
    /// Runs all jobs, and waits for all.
    pub(crate) fn all(&self, pool: Pool, events: &Receiver<Event>) -> Result<Outcome> {
        let limits = &self.settings.limits;
        let begun = Instant::now();
        let memory = Memory::open(limits.memory)?;
        let facts = Facts {
            wall: Duration::ZERO,
            slots: pool.size(),
            pool: pool.whose(),
            share: self.pool.share,
            memory: memory.as_ref().map(|memory| memory.at_start),
        };
        let job_runner = JobRunner {
            live: &self.live,
            progress: &self.progress,
            pool: self.pool,
            before: match self.settings.which {
                Which::Variants(_) => Before::Keep,
                Which::Implementations(_) => Before::Discard,
            },
            timeout: limits.timeout,
            grace: limits.grace,
        };
        thread::scope(|scope| {
            // The watch over memory ends when this is dropped.
            let (_watching, stop) = mpsc::channel();
            self.watch_memory(scope, memory.as_ref(), stop)?;
            self.start_showing()?;
            let mut engine = Engine {
                scope,
                run: self,
                job_runner: &job_runner,
                schedule: Schedule::new(self.jobs.len(), self.at_once),
                pool,
                memory,
                interrupted: false,
                outcome: Outcome::begun(self.jobs.len(), facts),
            };
            engine.run(events);
            self.console.end_board();
            let Engine {
                pool, mut outcome, ..
            } = engine;
            outcome.errors.extend(pool.close().err());
            outcome.facts.wall = begun.elapsed();
            Ok(outcome)
        })
    }

    fn watch_memory<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        memory: Option<&Memory>,
        stop: Receiver<()>,
    ) -> Result<()> {
        let Some(pressure) = memory.map(Memory::pressure) else {
            return Ok(());
        };
        // Before anything starts: the thread has its first look later.
        self.live.set_pressed(pressure.is_high());
        let tell = self.tell.clone();
        let changed = move || drop(tell.send(Event::PressureChanged));
        let watch = move || memory::watch(&self.live, &pressure, &changed, &stop);
        let started = thread::Builder::new().spawn_scoped(scope, watch);
        started.map(drop).map_err(no_thread)
    }

    /// Starts the threads that write to our streams. Nobody joins them: a reader may never read.
    fn start_showing(&self) -> Result<()> {
        let images = self.settings.environment.images.is_some();
        // stdout belongs to the records, if there are any.
        let output = if images {
            Sink::stderr()?
        } else {
            Sink::stdout()?
        };
        let shares_terminal = self.console.screen().has_board() && output.is_terminal();
        let screen = Arc::clone(self.console.screen());
        let write = move |text: &[u8]| {
            if shares_terminal {
                screen.aside(text, || output.write_all(text))
            } else {
                output.write_all(text)
            }
        };
        let records = self.jobs.iter().map(Job::record);
        let stdout = images.then(Sink::stdout).transpose()?;
        let show = Show {
            progress: Arc::clone(&self.progress),
            logs: self.logs.clone(),
            style: self.style(),
            write: Box::new(write),
            records: Records::new(records, stdout),
        };
        let tell = self.tell.clone();
        spawn(move || drop(tell.send(Event::Shown(show.run()))))?;
        if images || self.settings.reports.output != Output::Quiet {
            let (stdout, tell) = (Sink::stdout()?, self.tell.clone());
            spawn(move || {
                if stdout.wait_until_gone() {
                    drop(tell.send(Event::ReaderGone));
                }
            })?;
        }
        Ok(())
    }

    fn style(&self) -> Style {
        match self.settings.reports.output {
            Output::Live => Style::Live,
            Output::Quiet => Style::Quiet,
            Output::Prefix => {
                let names = self.jobs.iter().map(|job| job.name.as_os_str());
                let width = names.clone().map(OsStr::len).max().unwrap_or(0);
                Style::Prefix(names.map(|name| Lines::new(name, width)).collect())
            }
        }
    }
}

/// Does `work` in a thread that nobody joins.
fn spawn(work: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new()
        .spawn(work)
        .map(drop)
        .map_err(no_thread)
}

fn no_thread(cause: std::io::Error) -> Error {
    Error::io("start", "thread", cause)
}
