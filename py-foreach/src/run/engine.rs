//! The thread that decides.

use std::io::ErrorKind::BrokenPipe;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread::{self, Scope};
use std::time::Duration;

use common::record::Writer;
use common::{Error, Result};
use rustix::process::Signal;
use signal_hook::consts::{SIGINT, SIGKILL};

use super::finished::Finished;
use super::job_runner::JobRunner;
use super::load;
use super::schedule::Schedule;
use crate::cli::Halt;
use crate::job::{Ending, Job};
use crate::memory::Memory;
use crate::output::{Over, Sink};
use crate::pool::{Need, Pool};
use crate::settings::Limits;
use crate::signals::{Ask, Stops};
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
    Shown(Result<Option<Writer<Sink>>>),
    /// Nobody reads our stdout any more.
    ReaderGone,
    /// Memory has become short, or is so no longer.
    Pressed,
}

/// Decides what happens next, with everything that it decides about.
pub(super) struct Engine<'scope, 'env> {
    pub(super) scope: &'scope Scope<'scope, 'env>,
    pub(super) jobs: &'env [Job],
    pub(super) logs: &'env [PathBuf],
    pub(super) limits: &'env Limits,
    pub(super) runner: &'env JobRunner<'env>,
    pub(super) schedule: Schedule,
    pub(super) pool: Pool,
    pub(super) tell: Sender<Event>,
    pub(super) finished: Vec<Option<Finished>>,
    /// Has the status told.
    pub(super) status: SyncSender<()>,
    pub(super) signal: Option<i32>,
    /// An INT came: the next one kills.
    pub(super) interrupted: bool,
    pub(super) stops: Stops,
    pub(super) errors: Vec<Error>,
    pub(super) lost: usize,
    pub(super) memory: Option<Memory>,
}

impl Engine<'_, '_> {
    /// Runs all, and gives the stream of records back once everything has been shown.
    pub(super) fn run(&mut self, events: &Receiver<Event>) -> Option<Writer<Sink>> {
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
            self.runner.progress.over(job, Over::Bad);
        }
        if self.runner.live.is_pressed() {
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
        let live = self.runner.live;
        let Some(memory) = &mut self.memory else {
            return Ok(None);
        };
        let room = !live.is_pressed() && memory.fits(&live.lock())?;
        Ok((!room).then_some(MEMORY_AGAIN))
    }

    fn start(&mut self, index: usize) {
        self.schedule.started();
        self.runner.live.begin(index);
        let (job, log) = (&self.jobs[index], &self.logs[index]);
        let (runner, tell) = (self.runner, self.tell.clone());
        let run_job = move || {
            // A fault of ours in one job is that job's, and must not keep all others waiting.
            let run = || runner.run(index, job, log);
            let finished = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
                runner.live.over(index);
                Finished::broken(log, Error::said("run", "a fault of py-foreach itself"))
            });
            let good = finished.is_success();
            runner
                .progress
                .over(index, if good { Over::Good } else { Over::Bad });
            drop(tell.send(Event::Finished(index, Box::new(finished))));
        };
        if let Err(cause) = thread::Builder::new().spawn_scoped(self.scope, run_job) {
            // The process limit has been reached: it is this job that cannot be run.
            self.runner.live.over(index);
            self.runner.progress.over(index, Over::Bad);
            let error = Error::io("start", "thread", cause);
            let finished = Finished::broken(log, error);
            drop(self.tell.send(Event::Finished(index, Box::new(finished))));
        }
    }

    fn take(&mut self, job: usize, finished: Finished) {
        self.schedule.ended();
        self.pool.give_slot();
        let failed = !finished.is_success();
        // Of a tree that is gone no process can hold a slot; a daemon could.
        if finished.daemons.is_empty() && (failed || self.is_deserted()) {
            self.recover();
        }
        if let Some(memory) = &mut self.memory {
            memory.learn(finished.peak, failed);
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

    /// Whether nothing runs of all that was started.
    fn is_deserted(&self) -> bool {
        let mut ended = self.finished.iter().flatten();
        self.schedule.running() == 0 && ended.all(|job| job.daemons.is_empty())
    }

    fn recover(&mut self) {
        match self.pool.recover() {
            Ok(lost) => self.lost += lost,
            Err(error) => self.errors.push(error),
        }
    }

    fn heed(&mut self, ask: Ask) {
        let live = self.runner.live;
        match ask {
            Ask::End(signal) => {
                self.signal.get_or_insert(signal);
                self.schedule.close();
                // Only a person at a keyboard says it twice to say more. A terminal that closes sends HUP along
                // with its shell, timeout(1) sends TERM to us and to our group.
                let again = signal == SIGINT && std::mem::replace(&mut self.interrupted, true);
                let signal = if again { SIGKILL } else { signal };
                live.end_all(Ending::Stopped, end_by(signal));
            }
            // The CONT that ended it goes to the jobs by itself.
            Ask::Stop if self.stops.are_over() => {}
            Ask::Stop => {
                live.forward(Signal::TSTP);
                // Who is stopped gives nobody the orders that were missed.
                drop(live.settled());
                self.stops.stop();
            }
            Ask::Continue => live.forward(Signal::CONT),
            // Where an answer is waiting to be read already, one more says nothing new.
            Ask::Status => drop(self.status.try_send(())),
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
        // That our reader is gone is seen in two places, what is wrong with the pool at each turn.
        let said = error.to_string();
        let is_again = |e: &Error| {
            (e.kind() == BrokenPipe && error.kind() == BrokenPipe) || e.to_string() == said
        };
        if !self.errors.iter().any(is_again) {
            self.errors.push(error);
        }
        self.stop();
    }

    fn stop(&mut self) {
        self.schedule.close();
        self.runner
            .live
            .end_all(Ending::Stopped, Order::End(Signal::TERM));
    }
}

fn end_by(signal: i32) -> Order {
    Order::End(Signal::from_named_raw(signal).unwrap_or(Signal::TERM))
}
