//! One job from its slot to its end, in a thread of its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use common::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::SIGTERM;

use super::finished::Finished;
use super::live::Live;
use super::orphans;
use crate::job::{Ending, Job, PoolView};
use crate::output::{Before, Feeds, Log};
use crate::supervise::{Daemon, Exit, Order, Starter, Supervisor, Usage, Word};

/// How long a daemon may hold the output of a job that has ended.
const HOLD: Duration = Duration::from_secs(2);

/// What all jobs share.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) live: &'a Live,
    pub(crate) feeds: &'a Feeds,
    pub(crate) starter: &'a Starter,
    pub(crate) before: Before,
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Duration,
}

/// Runs `job`, the `index`th in declared order.
pub(crate) fn run(
    index: usize,
    job: &Job,
    log: PathBuf,
    pool: &PoolView,
    context: &Context<'_>,
) -> Finished {
    let started = SystemTime::now();
    let begun = Instant::now();
    let mut errors = Vec::new();
    let mut course = Course::new(context);
    if let Err(error) = course.go(index, job, &log, pool) {
        errors.push(error);
        course.ending = Some(Ending::Broken);
    }
    let wall = course
        .ended
        .unwrap_or_else(Instant::now)
        .duration_since(begun);
    let live = context.live.over(index);
    let peak = live.as_ref().map_or(0, |live| live.peak);
    let stopped = live.and_then(|live| live.ended_as);
    // One that had ended by itself before the order came did not end by it.
    let ending = match (course.ending, stopped) {
        (Some(Ending::Broken), _) | (None, None) => Ending::Broken,
        (Some(ending), Some(_)) if !course.ordered => ending,
        (_, Some(reason)) => reason,
        (Some(ending), None) => ending,
    };
    job.plan.collect();
    Finished {
        ending,
        started,
        wall,
        usage: course.usage,
        peak: peak.max(course.usage.largest),
        begin: context.feeds.begin(index),
        log,
        printed: context.feeds.printed(index),
        daemons: course.daemons,
        output_held: course.output_held,
        errors,
    }
}

/// A job under way.
struct Course<'a> {
    context: &'a Context<'a>,
    ending: Option<Ending>,
    /// When the command itself ended.
    ended: Option<Instant>,
    usage: Usage,
    daemons: Vec<Daemon>,
    output_held: bool,
    /// It still ran when it was to be ended.
    ordered: bool,
}

impl<'a> Course<'a> {
    fn new(context: &'a Context<'a>) -> Self {
        Self {
            context,
            ending: None,
            ended: None,
            usage: Usage::default(),
            daemons: Vec::new(),
            output_held: false,
            ordered: false,
        }
    }

    fn go(&mut self, index: usize, job: &Job, path: &Path, pool: &PoolView) -> Result<()> {
        let mut log = Log::open(path, self.context.before)?;
        self.context.feeds.opened(index, path, log.start());
        let stop = || self.context.live.is_ending(index);
        let Some(launch) = job.plan.prepare(pool, &stop)? else {
            self.ending = Some(Ending::Stopped);
            return Ok(());
        };
        let started = self.context.live.start(
            index,
            || Supervisor::start(self.context.starter, &launch, self.context.grace),
            |supervisor| (supervisor.pid(), supervisor.orders()),
        )?;
        let Some(mut supervisor) = started else {
            self.ending = Some(Ending::Stopped);
            return Ok(());
        };
        let followed = self.follow(index, &mut log, &mut supervisor);
        if followed.is_err() {
            // We cannot keep its output: it must not go on as if somebody did.
            supervisor.orders().give(Order::Kill);
            while supervisor.hear().is_some() {}
        }
        if followed? == Last::Unsaid {
            return Err(Error::refused(
                "supervise",
                &job.name,
                "the supervisor was killed",
            ));
        }
        Ok(())
    }

    /// Moves the output and hears the supervisor until both have nothing more to give.
    fn follow(&mut self, index: usize, log: &mut Log, supervisor: &mut Supervisor) -> Result<Last> {
        let mut time_limit = self.context.timeout.map(|limit| Instant::now() + limit);
        let mut output_open = true;
        let mut last = None;
        while output_open || last.is_none() {
            let hold = self.ended.filter(|_| output_open).map(|at| at + HOLD);
            let next = [time_limit, hold].into_iter().flatten().min();
            let ready = wait(supervisor, output_open, last.is_none(), next)?;
            if ready.output {
                if let Some(taken) = log.take(supervisor.output())? {
                    output_open = taken > 0;
                    self.context.feeds.grew(index, taken);
                }
            }
            if ready.speech {
                match supervisor.hear() {
                    Some(words) => {
                        for word in words {
                            if let Some(said) = self.heed(index, word) {
                                last = Some(said);
                            }
                        }
                    }
                    None if last.is_none() => {
                        last = Some(Last::Unsaid);
                        let Context {
                            live,
                            starter,
                            grace,
                            ..
                        } = *self.context;
                        orphans::end(live, starter, supervisor.pid(), grace);
                        self.ended.get_or_insert_with(Instant::now);
                    }
                    None => {}
                }
            }
            let now = Instant::now();
            if time_limit.is_some_and(|at| now >= at) {
                time_limit = None;
                if self.ended.is_none() {
                    let live = self.context.live;
                    live.end(index, Ending::TimedOut, Order::End(SIGTERM));
                }
            }
            if hold.is_some_and(|at| now >= at) {
                output_open = false;
                self.output_held = true;
            }
            if self.ended.is_some() {
                time_limit = None;
                if !output_open && last.is_none() {
                    supervisor.orders().give(Order::Finish);
                }
            }
        }
        Ok(last.unwrap_or(Last::Unsaid))
    }

    fn heed(&mut self, index: usize, word: Word) -> Option<Last> {
        match word {
            Word::Exited(exit) => {
                self.ended = Some(Instant::now());
                let jobs = self.context.live.lock();
                self.ordered = jobs.get(&index).is_some_and(|job| job.ended_as.is_some());
                self.ending = Some(match exit {
                    Exit::Status(status) => Ending::Exited(status),
                    Exit::Signal(signal) => Ending::Signalled(signal),
                });
            }
            Word::Left(daemon) => self.daemons.push(daemon),
            Word::Done(usage) => {
                self.usage = usage;
                // The command itself may be what could not be ended: it is left, and may hold its output.
                self.ended.get_or_insert_with(Instant::now);
                return Some(Last::Said);
            }
        }
        None
    }
}

/// How a supervisor took its leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Said,
    /// It died before its last word.
    Unsaid,
}

struct Ready {
    output: bool,
    speech: bool,
}

/// Waits for output, for a word, or for `until`.
fn wait(
    supervisor: &Supervisor,
    output: bool,
    speech: bool,
    until: Option<Instant>,
) -> Result<Ready> {
    let (output_fd, speech_fd) = (supervisor.output(), supervisor.speech());
    let mut fds = Vec::with_capacity(2);
    if output {
        fds.push(PollFd::new(&output_fd, PollFlags::IN));
    }
    if speech {
        fds.push(PollFd::new(&speech_fd, PollFlags::IN));
    }
    let left = until.map(|at| at.saturating_duration_since(Instant::now()));
    let left = left.and_then(|time| Timespec::try_from(time).ok());
    match poll(&mut fds, left.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(cause) => return Err(Error::io("wait for", "a job", cause)),
    }
    let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
    Ok(Ready {
        output: output && ready.next().unwrap_or(false),
        speech: speech && ready.next().unwrap_or(false),
    })
}
