//! Runs one job from its slot to its end, in a thread of its own.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use common::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;

use super::orphans;
use crate::environment::Job;
use crate::job::{Ending, PoolView};
use crate::live::Live;
use crate::outcome::Finished;
use crate::output::{Before, Log, LogProgress};
use crate::supervise::{JobEvent, Order, Supervisor};

/// How long a daemon may hold the output of a job that has ended.
const HOLD: Duration = Duration::from_secs(2);

/// What the jobs of a run share.
#[derive(Debug)]
pub(crate) struct JobRunner<'a> {
    pub(crate) live: &'a Live,
    pub(crate) progress: &'a LogProgress,
    /// What the jobs learn of the pool.
    pub(crate) pool: &'a PoolView,
    pub(crate) before: Before,
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Duration,
}

impl JobRunner<'_> {
    /// Runs `job`, the `index`th in declared order.
    pub(crate) fn run(&self, index: usize, job: &Job, log: &Path) -> Finished {
        let begun = Instant::now();
        let mut run = JobRun {
            runner: self,
            index,
            finished: Finished::begun(log),
            exited: None,
            ended: None,
            was_ending: false,
            output_open: true,
            last: None,
        };
        let error = run.go(job, log).err();
        let wall = run.ended.unwrap_or_else(Instant::now) - begun;
        let live = self.live.over(index);
        let stopped = live.as_ref().and_then(|live| live.ended_as);
        let JobRun {
            mut finished,
            exited,
            was_ending,
            ..
        } = run;
        finished.ending = match (exited.map(ending_of), stopped) {
            _ if error.is_some() => Ending::Broken,
            // A job that had ended by itself before the order came did not end by it.
            (Some(ending), Some(_)) if !was_ending => ending,
            (_, Some(reason)) => reason,
            (ending, None) => ending.unwrap_or(Ending::Broken),
        };
        job.remove_copy();
        finished.errors.extend(error);
        finished.wall = wall;
        finished.peak = live.map_or(0, |live| live.peak).max(finished.usage.largest);
        let printed = self.progress.printed(index);
        (finished.begin, finished.printed) = (printed.start, printed.end - printed.start);
        finished
    }
}

fn ending_of(status: ExitStatus) -> Ending {
    match status.signal() {
        Some(signal) => Ending::Signalled(signal),
        None => Ending::Exited(
            status
                .code()
                .and_then(|code| code.try_into().ok())
                .unwrap_or(u8::MAX),
        ),
    }
}

/// A job under way.
struct JobRun<'a> {
    runner: &'a JobRunner<'a>,
    index: usize,
    finished: Finished,
    /// How the command itself ended, and when we knew of it.
    exited: Option<ExitStatus>,
    ended: Option<Instant>,
    /// An order to end the job came before it exited.
    was_ending: bool,
    output_open: bool,
    /// How the supervisor ended.
    last: Option<Last>,
}

/// How a supervisor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Reported,
    Killed,
}

impl JobRun<'_> {
    fn go(&mut self, job: &Job, path: &Path) -> Result<()> {
        let JobRunner { live, progress, .. } = *self.runner;
        let mut log = Log::open(path, self.runner.before)?;
        progress.opened(self.index, log.start());
        let stop = || live.is_ending(self.index);
        let Some(launch) = job.prepare(self.runner.pool, &stop)? else {
            return Ok(());
        };
        let start = || Supervisor::start(&launch, self.runner.grace);
        let Some(mut supervisor) = live.start(self.index, start)? else {
            return Ok(());
        };
        let followed = self.follow(&mut log, &mut supervisor);
        if followed.is_err() {
            // We cannot keep its output: it must not go on as if somebody did.
            supervisor.orders().give(Order::End(Signal::KILL));
            while supervisor.events().is_some() {}
        }
        supervisor.wait();
        if self.last == Some(Last::Killed) {
            let cause = "the supervisor was killed";
            return Err(Error::refused("supervise", &job.name, cause));
        }
        followed
    }

    /// Moves the output and reads the events until both are at their end.
    fn follow(&mut self, log: &mut Log, supervisor: &mut Supervisor) -> Result<()> {
        let mut time_limit = self.runner.timeout.map(|limit| Instant::now() + limit);
        while self.output_open || self.last.is_none() {
            let hold = self.ended.filter(|_| self.output_open).map(|at| at + HOLD);
            let limit = time_limit.filter(|_| self.ended.is_none());
            let ready = self.wait(supervisor, limit.or(hold))?;
            if ready.output {
                if let Some(taken) = log.take(supervisor.output())? {
                    self.output_open = taken > 0;
                    self.runner.progress.grew(self.index, taken);
                }
            }
            if ready.events {
                self.take_events(supervisor);
            }
            let now = Instant::now();
            if self.ended.is_none() && limit.is_some_and(|at| now >= at) {
                time_limit = None;
                let order = Order::End(Signal::TERM);
                self.runner.live.end(self.index, Ending::TimedOut, order);
            }
            if self.output_open && hold.is_some_and(|at| now >= at) {
                self.output_open = false;
                self.finished.output_held = true;
            }
            if self.ended.is_some() && !self.output_open && self.last.is_none() {
                supervisor.orders().give(Order::Finish);
            }
        }
        Ok(())
    }

    fn take_events(&mut self, supervisor: &mut Supervisor) {
        match supervisor.events() {
            Some(events) => events.into_iter().for_each(|event| self.handle(event)),
            None if self.last.is_none() => {
                self.last = Some(Last::Killed);
                supervisor.wait();
                orphans::end(self.runner.live, self.runner.grace);
                self.ended.get_or_insert_with(Instant::now);
            }
            None => {}
        }
    }

    fn handle(&mut self, event: JobEvent) {
        match event {
            JobEvent::Exited(status) => {
                self.ended = Some(Instant::now());
                self.was_ending = self.runner.live.is_ending(self.index);
                self.exited = Some(status);
            }
            JobEvent::Left(daemon) => self.finished.daemons.push(daemon),
            JobEvent::Done(usage) => {
                self.finished.usage = usage;
                // The command itself may be a process that could not be ended: it is left, and may hold its output.
                self.ended.get_or_insert_with(Instant::now);
                self.last = Some(Last::Reported);
            }
        }
    }

    /// Waits for output, for an event, or for the time `until`.
    fn wait(&self, supervisor: &Supervisor, until: Option<Instant>) -> Result<Ready> {
        let (output, socket) = (supervisor.output(), supervisor.socket());
        let mut fds = Vec::with_capacity(2);
        if self.output_open {
            fds.push(PollFd::new(&output, PollFlags::IN));
        }
        if self.last.is_none() {
            fds.push(PollFd::new(&socket, PollFlags::IN));
        }
        let left = until.map(|at| at.saturating_duration_since(Instant::now()));
        let left = left.and_then(|time| Timespec::try_from(time).ok());
        match poll(&mut fds, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(cause) => return Err(Error::io("wait for", "a job", cause)),
        }
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        Ok(Ready {
            output: self.output_open && ready.next() == Some(true),
            events: self.last.is_none() && ready.next() == Some(true),
        })
    }
}

struct Ready {
    output: bool,
    events: bool,
}
