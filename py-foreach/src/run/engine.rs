//! The thread that decides what happens next.

use std::io::ErrorKind::BrokenPipe;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use common::{Error, Result};
use rustix::process::Signal;
use signal_hook::consts::{SIGINT, SIGKILL, SIGTERM};

use super::job_runner::JobRunner;
use super::plan::{Event, Run};
use super::room;
use super::schedule::Schedule;
use crate::cli::Halt;
use crate::job::Ending;
use crate::memory::Memory;
use crate::outcome::{Finished, Outcome};
use crate::output::Over;
use crate::pool::{Need, Pool};
use crate::signals::{self, Ask};
use crate::supervise::Order;

/// How often the load, and the memory, is looked at again.
const LOAD_AGAIN: Duration = Duration::from_secs(1);
const MEMORY_AGAIN: Duration = Duration::from_millis(50);

/// How long a stalled reader can delay the end of a run that a signal has ended.
pub(crate) const PARTING: Duration = Duration::from_secs(1);

/// Decides, with everything that it decides about.
pub(super) struct Engine<'scope, 'env> {
    pub(super) scope: &'scope Scope<'scope, 'env>,
    pub(super) run: &'scope Run<'scope>,
    pub(super) job_runner: &'scope JobRunner<'scope>,
    pub(super) schedule: Schedule,
    pub(super) pool: Pool,
    pub(super) memory: Option<Memory>,
    /// An INT came: the next one kills.
    pub(super) interrupted: bool,
    pub(super) outcome: Outcome,
}

impl Engine<'_, '_> {
    /// Runs all jobs, until everything has been shown.
    pub(super) fn run(&mut self, events: &Receiver<Event>) {
        let mut shown = None;
        let mut leave_at = None;
        while shown.is_none() || !self.schedule.is_over() {
            let tick = self.advance().unwrap_or_else(|error| {
                self.fail(error);
                None
            });
            if self.outcome.signal.is_some() && self.schedule.is_over() {
                leave_at.get_or_insert_with(|| Instant::now() + PARTING);
            }
            let left = leave_at.map(|at| at.saturating_duration_since(Instant::now()));
            match receive(events, [tick, left].into_iter().flatten().min()) {
                Some(Event::Ask(ask)) => self.handle(ask),
                Some(Event::Finished(job, finished)) => self.take(job, *finished),
                Some(Event::ReaderGone) => self.reader_gone(),
                Some(Event::Shown(Ok(writer))) => shown = Some(writer),
                Some(Event::Shown(Err(error))) => {
                    self.fail(error);
                    shown = Some(None);
                }
                None if left.is_some_and(|left| left.is_zero()) => break,
                // The next turn looks again.
                Some(Event::PressureChanged) | None => {}
            }
        }
        self.recover();
        self.outcome.writer = shown.flatten();
    }

    /// Starts what can be started and moves slots. Tells when to look again, if no event will say so.
    fn advance(&mut self) -> Result<Option<Duration>> {
        let mut again = None;
        let mut need = Need::None;
        while let Some(job) = self.schedule.next() {
            again = self.holds_back()?;
            if again.is_some() {
                break;
            }
            if !self.pool.take_slot()? {
                need = Need::Slot;
                break;
            }
            self.start(job);
        }
        for job in self.schedule.never() {
            self.run.progress.over(job, Over::Failure);
        }
        if self.run.live.is_pressed() {
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
        if let Some(most) = self.run.settings.limits.load {
            if room::is_load_above(most)? {
                return Ok(Some(LOAD_AGAIN));
            }
        }
        let Some(memory) = &mut self.memory else {
            return Ok(None);
        };
        let live = &self.run.live;
        let room = !live.is_pressed() && memory.fits(&live.lock())?;
        Ok((!room).then_some(MEMORY_AGAIN))
    }

    fn start(&mut self, index: usize) {
        self.schedule.started();
        self.run.live.begin(index);
        let (run, job_runner) = (self.run, self.job_runner);
        let (job, log) = (&run.jobs[index], &run.logs[index]);
        let ended = move |finished: Finished| {
            let over = if finished.is_success() {
                Over::Success
            } else {
                Over::Failure
            };
            run.progress.over(index, over);
            drop(run.tell.send(Event::Finished(index, Box::new(finished))));
        };
        let broken = move |error| {
            run.live.over(index);
            ended(Finished::broken(log, error));
        };
        let run_job = move || {
            // A fault of ours in one job is that job's, and must not keep all others waiting.
            match catch_unwind(AssertUnwindSafe(|| job_runner.run(index, job, log))) {
                Ok(finished) => ended(finished),
                Err(_) => broken(Error::said("run", "a fault of py-foreach itself")),
            }
        };
        if let Err(cause) = thread::Builder::new().spawn_scoped(self.scope, run_job) {
            // At the limit of processes it is this job that cannot be run.
            broken(Error::io("start", "thread", cause));
        }
    }

    fn take(&mut self, job: usize, finished: Finished) {
        self.schedule.ended();
        self.pool.give_slot();
        let failed = !finished.is_success();
        // No process of a tree that is gone holds a slot; a daemon could.
        if finished.daemons.is_empty() && (failed || self.is_deserted()) {
            self.recover();
        }
        if let Some(memory) = &mut self.memory {
            memory.learn(finished.peak, failed);
        }
        if failed && finished.ending != Ending::Stopped {
            match self.run.settings.limits.halt {
                Halt::Never => {}
                Halt::Soon => self.schedule.close(),
                Halt::Now => self.stop(SIGTERM),
            }
        }
        self.outcome.finished[job] = Some(finished);
    }

    /// Whether nothing runs of all that was started.
    fn is_deserted(&self) -> bool {
        let mut ended = self.outcome.finished.iter().flatten();
        self.schedule.running() == 0 && ended.all(|job| job.daemons.is_empty())
    }

    fn recover(&mut self) {
        match self.pool.recover() {
            Ok(lost) => self.outcome.lost += lost,
            Err(error) => self.outcome.errors.push(error),
        }
    }

    fn handle(&mut self, ask: Ask) {
        let live = &self.run.live;
        match ask {
            Ask::End(signal) => {
                self.outcome.signal.get_or_insert(signal);
                // Only a second INT is a request for more, as from a keyboard. A terminal that closes sends HUP along
                // with its shell, timeout(1) sends TERM to us and to our group.
                let again = signal == SIGINT && std::mem::replace(&mut self.interrupted, true);
                self.stop(if again { SIGKILL } else { signal });
            }
            Ask::Stop => {
                live.forward(Signal::TSTP);
                signals::stop();
            }
            Ask::Continue => live.forward(Signal::CONT),
            Ask::Status => self.run.console.report_status(),
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
        // Two places see that our reader is gone, and each turn sees what is wrong with the pool.
        let said = error.to_string();
        let is_again = |e: &Error| {
            (e.kind() == BrokenPipe && error.kind() == BrokenPipe) || e.to_string() == said
        };
        if !self.outcome.errors.iter().any(is_again) {
            self.outcome.errors.push(error);
        }
        self.stop(SIGTERM);
    }

    /// Starts nothing more, and ends what runs by `signal`.
    fn stop(&mut self, signal: i32) {
        self.schedule.close();
        let signal = Signal::from_named_raw(signal).unwrap_or(Signal::TERM);
        self.run.live.end_all(Order::End(signal));
    }
}

/// The next event; `None` when there is none within the time.
fn receive(events: &Receiver<Event>, limit: Option<Duration>) -> Option<Event> {
    match limit {
        Some(limit) => events.recv_timeout(limit),
        None => events.recv().map_err(RecvTimeoutError::from),
    }
    .ok()
}
