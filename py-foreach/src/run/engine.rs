//! The thread that decides.

use std::ffi::OsStr;
use std::io::ErrorKind::BrokenPipe;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use common::cli::Verbosity;
use common::record::Writer;
use common::{Error, Result};
use signal_hook::consts::{SIGCONT, SIGTERM, SIGTSTP};
use signal_hook::low_level::emulate_default_handler;

use super::descriptors;
use super::finished::Finished;
use super::live::Live;
use super::load;
use super::one::{self, Context};
use super::schedule::Schedule;
use crate::board::{self, Screen};
use crate::cli::{Halt, Output};
use crate::job::{Ending, Job, PoolView};
use crate::memory::{self, Memory};
use crate::output::{Before, Feeds, Hush, Lines, Over, Show, Sink};
use crate::pool::{Need, Pool};
use crate::report::Facts;
use crate::settings::{Limits, Settings, Which};
use crate::signals::Ask;
use crate::supervise::Order;

/// How often the load, and the memory, is looked at again.
const LOAD_AGAIN: Duration = Duration::from_secs(1);
const MEMORY_AGAIN: Duration = Duration::from_millis(50);

/// What the deciding thread is told.
#[derive(Debug)]
pub(crate) enum Event {
    /// A signal came.
    Ask(Ask),
    /// A job has ended.
    Finished(usize, Box<Finished>),
    /// Everything was shown, or could not be.
    Shown(Result<Option<Writer<std::io::Stdout>>>),
    /// Nobody reads our stdout any more.
    ReaderGone,
    /// Memory has become short, or is so no longer.
    Pressed,
}

/// What all jobs came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// In declared order; nothing for a job that was never started.
    pub(crate) finished: Vec<Option<Finished>>,
    /// The signal that ended the run.
    pub(crate) signal: Option<i32>,
    /// What went wrong with the run itself.
    pub(crate) errors: Vec<Error>,
    /// Slots that killed clients took with them, and that were made good.
    pub(crate) lost: usize,
    /// What the report tells of the means.
    pub(crate) facts: Facts,
    /// The stream of records, still open.
    pub(crate) writer: Option<Writer<std::io::Stdout>>,
}

impl Outcome {
    /// Whether something failed by itself, and not because we stopped it.
    pub(crate) fn has_failed(&self) -> bool {
        let mut jobs = self.finished.iter().flatten();
        jobs.any(|job| !job.is_success() && job.ending != Ending::Stopped)
    }
}

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
}

impl Run<'_> {
    /// Runs all, and waits for all.
    pub(crate) fn all(self) -> Result<Outcome> {
        let live = Live::new();
        let feeds = Feeds::new(self.jobs.len());
        let limits = &self.settings.limits;
        let context = Context {
            live: &live,
            feeds: &feeds,
            before: match self.settings.which {
                Which::Variants(_) => Before::Keep,
                Which::Implementations(_) => Before::Discard,
            },
            timeout: limits.timeout,
            grace: limits.grace,
        };
        let lines = self.lines()?;
        let begun = Instant::now();
        let memory = Memory::open(limits.memory)?;
        let screen = self.screen()?;
        let at_once = self.at_once()?;
        let mut facts = Facts {
            wall: Duration::ZERO,
            slots: self.pool.size(),
            pool: self.pool.whose(),
            share: self
                .pool
                .view(together(self.jobs.len(), &self.pool, at_once))
                .share,
            memory: memory.as_ref().map(|memory| memory.at_start),
        };
        let mut pressure = memory.as_ref().map(Memory::pressure);
        if let Some(pressure) = &mut pressure {
            // Before anything starts: the watch has its first look later.
            live.set_pressed(pressure.is_high());
        }
        thread::scope(|scope| {
            self.start_showing(scope, &feeds, screen.as_ref())?;
            // It watches as long as this lives.
            let (_watching, stop) = mpsc::channel();
            if let Some(pressure) = pressure {
                let (live, tell) = (&live, self.tell.clone());
                let changed = move || drop(tell.send(Event::Pressed));
                scope.spawn(move || memory::watch(live, pressure, &changed, &stop));
            }
            let (board, stop) = mpsc::channel();
            if let Some(screen) = &screen {
                let subject = board::Subject {
                    jobs: self.jobs,
                    logs: self.logs,
                    live: &live,
                    feeds: &feeds,
                };
                scope.spawn(move || board::watch(subject, screen, &stop));
            }
            let mut engine = Engine {
                scope,
                at_once,
                jobs: self.jobs,
                logs: self.logs,
                limits,
                context: &context,
                schedule: Schedule::new(self.jobs.len(), at_once),
                lines,
                pool: self.pool,
                tell: self.tell,
                finished: self.jobs.iter().map(|_| None).collect(),
                hush: self.hush,
                signal: None,
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

    /// The most jobs that may run at the same time, slots apart.
    fn at_once(&self) -> Result<usize> {
        let most = self.settings.limits.max_impls;
        let most = most.map_or(usize::MAX, std::num::NonZeroUsize::get);
        let room = descriptors::room()?;
        let wished = together(self.jobs.len(), &self.pool, most);
        if room < wished && self.settings.verbosity != Verbosity::Quiet {
            common::error::eprint_line(&format!(
                "{}: note: the limit of open files has room for {room} at once, not for {wished}",
                crate::TOOL
            ));
        }
        Ok(most.min(room))
    }

    /// The stream that lines with names go to, under `--output prefix`.
    fn lines(&self) -> Result<Option<Arc<Mutex<Sink>>>> {
        match self.settings.reports.output {
            Output::Prefix => Ok(Some(Arc::new(Mutex::new(self.sink()?)))),
            Output::Live | Output::Quiet => Ok(None),
        }
    }

    /// Where output is shown: stdout belongs to the records, if there are any.
    fn sink(&self) -> Result<Sink> {
        match self.settings.images {
            Some(_) => Sink::stderr(&self.hush),
            None => Sink::stdout(&self.hush),
        }
    }

    /// The terminal with a board, if there is to be one.
    fn screen(&self) -> Result<Option<Screen>> {
        if self.settings.verbosity == Verbosity::Quiet
            || self.settings.reports.output == Output::Prefix
        {
            return Ok(None);
        }
        let live = self.settings.reports.output == Output::Live;
        Ok(Screen::open(live && self.sink()?.is_terminal()))
    }

    fn start_showing<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        feeds: &'scope Feeds,
        screen: Option<&'scope Screen>,
    ) -> Result<()>
    where
        Self: 'scope,
    {
        let images = self.settings.images.is_some();
        let live = self.settings.reports.output == Output::Live;
        let show = Show {
            feeds,
            output: if live { Some(self.sink()?) } else { None },
            screen,
            records: self.jobs.iter().map(|job| job.record.clone()).collect(),
            writer: images.then(|| Writer::new(std::io::stdout())),
        };
        let tell = self.tell.clone();
        scope.spawn(move || drop(tell.send(Event::Shown(show.run()))));
        if images || self.settings.reports.output != Output::Quiet {
            let (stdout, tell) = (Sink::stdout(&self.hush)?, self.tell.clone());
            // It waits for ever where the reader stays, so nobody waits for it.
            thread::spawn(move || {
                if stdout.wait_until_gone() {
                    drop(tell.send(Event::ReaderGone));
                }
            });
        }
        Ok(())
    }
}

struct Engine<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    at_once: usize,
    jobs: &'env [Job],
    logs: &'env [PathBuf],
    limits: &'env Limits,
    context: &'env Context<'env>,
    schedule: Schedule,
    lines: Option<Arc<Mutex<Sink>>>,
    pool: Pool,
    tell: Sender<Event>,
    finished: Vec<Option<Finished>>,
    hush: Arc<Hush>,
    signal: Option<i32>,
    errors: Vec<Error>,
    lost: usize,
    memory: Option<Memory>,
}

impl Engine<'_, '_> {
    fn run(&mut self, events: &Receiver<Event>) -> Option<Writer<std::io::Stdout>> {
        let mut shown = None;
        while shown.is_none() || !self.schedule.is_over() {
            let tick = self.advance().unwrap_or_else(|error| {
                self.fail(error);
                None
            });
            let event = match tick {
                Some(tick) => match events.recv_timeout(tick) {
                    Err(RecvTimeoutError::Timeout) => continue,
                    event => event.ok(),
                },
                None => events.recv().ok(),
            };
            match event {
                Some(Event::Ask(ask)) => self.heed(ask),
                Some(Event::Finished(job, finished)) => self.take(job, *finished),
                Some(Event::ReaderGone) => self.reader_gone(),
                // The next turn sees it.
                Some(Event::Pressed) => {}
                Some(Event::Shown(Ok(writer))) => shown = Some(writer),
                Some(Event::Shown(Err(error))) => {
                    self.fail(error);
                    shown = Some(None);
                }
                // We hold a sender ourselves.
                None => break,
            }
        }
        self.recover();
        shown.flatten()
    }

    /// Starts what can be started, moves slots. Tells when to look again, if no event will say so.
    fn advance(&mut self) -> Result<Option<Duration>> {
        let mut again = None;
        let mut need = Need::None;
        while let Some(job) = self.schedule.next() {
            if let Some(wait) = self.holds_back()? {
                again = Some(wait);
                break;
            }
            if !self.pool.take_slot()? {
                need = Need::Slot;
                break;
            }
            self.start(job);
        }
        for job in self.schedule.never() {
            self.context.feeds.over(job, Over::Bad);
        }
        if self.context.live.is_pressed() {
            need = Need::Brake;
        }
        let tend = self.pool.tend(need)?;
        Ok([again, tend].into_iter().flatten().min())
    }

    /// Why the next job has to wait although it may have a slot: how long until the next look.
    fn holds_back(&mut self) -> Result<Option<Duration>> {
        // One always runs.
        if self.schedule.running() == 0 {
            return Ok(None);
        }
        if let Some(most) = self.limits.load {
            if load::is_above(most)? {
                return Ok(Some(LOAD_AGAIN));
            }
        }
        let live = self.context.live;
        let Some(memory) = &mut self.memory else {
            return Ok(None);
        };
        let room = !live.is_pressed() && memory.fits(&live.lock())?;
        Ok((!room).then_some(MEMORY_AGAIN))
    }

    fn start(&mut self, index: usize) {
        self.schedule.started();
        self.context.live.begin(index);
        let view = self.view();
        let (job, log) = (&self.jobs[index], self.logs[index].clone());
        let width = self
            .jobs
            .iter()
            .map(|job| job.name.len())
            .max()
            .unwrap_or(0);
        let lines = self
            .lines
            .as_ref()
            .map(|sink| Lines::new(&job.name, width, Arc::clone(sink)));
        let (context, tell) = (self.context, self.tell.clone());
        self.scope.spawn(move || {
            // A fault of ours in one job is that job's, and must not keep all others waiting.
            let course = || one::run(index, job, log.clone(), &view, lines, context);
            let finished = catch_unwind(AssertUnwindSafe(course)).unwrap_or_else(|_| {
                context.live.over(index);
                Finished::broken(
                    log.clone(),
                    Error::said("run", "a fault of py-foreach itself"),
                )
            });
            let good = finished.is_success();
            context
                .feeds
                .over(index, if good { Over::Good } else { Over::Bad });
            drop(tell.send(Event::Finished(index, Box::new(finished))));
        });
    }

    fn view(&self) -> PoolView {
        self.pool
            .view(together(self.jobs.len(), &self.pool, self.at_once))
    }

    fn take(&mut self, job: usize, finished: Finished) {
        self.schedule.ended();
        self.pool.give_slot();
        let failed = !finished.is_success();
        // Of a tree that is gone no process can hold a slot; a daemon could.
        if failed && finished.daemons.is_empty() {
            self.recover();
        }
        if let Some(memory) = &mut self.memory {
            memory.learn(finished.peak);
        }
        if failed && finished.ending != Ending::Stopped {
            match self.limits.halt {
                Halt::Never => {}
                Halt::Soon => self.schedule.close(),
                Halt::Now => self.stop(),
            }
        }
        self.finished[job] = Some(finished);
    }

    fn recover(&mut self) {
        match self.pool.recover() {
            Ok(lost) => self.lost += lost,
            Err(error) => self.errors.push(error),
        }
    }

    fn heed(&mut self, ask: Ask) {
        let live = self.context.live;
        match ask {
            Ask::End(signal) => {
                // Who does not read will not keep us.
                self.hush.ask();
                let first = self.signal.is_none();
                self.signal.get_or_insert(signal);
                self.schedule.close();
                let order = if first {
                    Order::End(signal)
                } else {
                    Order::Kill
                };
                live.end_all(Ending::Stopped, order);
            }
            Ask::Stop => {
                live.forward(SIGTSTP);
                // Stops the whole process, and returns when it goes on.
                let _stopped = emulate_default_handler(SIGTSTP);
            }
            Ask::Continue => live.forward(SIGCONT),
            Ask::Status => self.tell_status(),
        }
    }

    fn tell_status(&self) {
        let jobs = self.context.live.lock();
        for (&index, job) in jobs.iter() {
            let name: &OsStr = &self.jobs[index].name;
            let seconds = job.since.elapsed().as_secs();
            let begin = self.context.feeds.begin(index);
            let last = crate::output::tail(&self.logs[index], begin, 1, 4096).unwrap_or_default();
            let last = String::from_utf8_lossy(&last);
            common::error::eprint_line(&format!(
                "{}: {}: runs for {seconds} s, printed last: {}",
                crate::TOOL,
                common::show::name(name),
                common::show::name(last.trim_end()),
            ));
        }
    }

    fn reader_gone(&mut self) {
        let cause = rustix::io::Errno::PIPE;
        if !self.schedule.is_over() {
            self.fail(Error::io("write", "standard output", cause));
        }
    }

    /// The run itself cannot go on.
    fn fail(&mut self, error: Error) {
        // That our reader is gone is seen in two places, and said once.
        let again = self.errors.iter().any(|e| e.kind() == BrokenPipe);
        if !(again && error.kind() == BrokenPipe) {
            self.errors.push(error);
        }
        self.stop();
    }

    fn stop(&mut self) {
        self.schedule.close();
        self.context
            .live
            .end_all(Ending::Stopped, Order::End(SIGTERM));
    }
}

/// How many jobs are to run at the same time.
fn together(jobs: usize, pool: &Pool, at_once: usize) -> usize {
    jobs.min(pool.size()).min(at_once)
}
