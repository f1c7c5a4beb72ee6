//! The jobs that run, and the orders to them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use common::lock;
use rustix::process::Signal;

use crate::job::Ending;
use crate::supervise::{Order, Orders, Supervisor};

/// All jobs that run; shared by their threads and the engine.
#[derive(Debug, Default)]
pub(crate) struct Live {
    jobs: Mutex<Jobs>,
    /// Processes wait for memory.
    pressed: AtomicBool,
}

/// In declared order.
pub(crate) type Jobs = BTreeMap<usize, LiveJob>;

/// A job from the moment it has a slot until its end.
#[derive(Debug)]
pub(crate) struct LiveJob {
    since: Instant,
    /// Its supervisor, once it has been started.
    pub(crate) supervisor: Option<Orders>,
    /// Why it is being ended, if it is.
    pub(crate) ended_as: Option<Ending>,
    /// The memory that its tree takes, when it was last looked at, in bytes.
    pub(crate) takes: u64,
    /// The most that was seen of it.
    pub(crate) peak: u64,
}

impl Live {
    /// `job` has a slot.
    pub(crate) fn begin(&self, job: usize) {
        let live = LiveJob {
            since: Instant::now(),
            supervisor: None,
            ended_as: None,
            takes: 0,
            peak: 0,
        };
        self.lock().insert(job, live);
    }

    /// Starts the supervisor of `job`, unless the job is to be ended already.
    ///
    /// The lock is held meanwhile: so the supervisor misses no order, and no process of ours is unknown.
    pub(crate) fn start<E>(
        &self,
        job: usize,
        start: impl FnOnce() -> Result<Supervisor, E>,
    ) -> Result<Option<Supervisor>, E> {
        let mut jobs = self.lock();
        match jobs.get_mut(&job) {
            Some(live) if live.ended_as.is_none() => {
                let supervisor = start()?;
                live.supervisor = Some(supervisor.orders());
                Ok(Some(supervisor))
            }
            _ => Ok(None),
        }
    }

    /// Ends `job` because of `reason`; the first reason counts, every order is given.
    pub(crate) fn end(&self, job: usize, reason: Ending, order: Order) {
        if let Some(live) = self.lock().get_mut(&job) {
            live.end(reason, order);
        }
    }

    /// Ends all jobs because we stop them.
    pub(crate) fn end_all(&self, order: Order) {
        for live in self.lock().values_mut() {
            live.end(Ending::Stopped, order);
        }
    }

    /// Whether `job` is to be ended.
    pub(crate) fn is_ending(&self, job: usize) -> bool {
        let jobs = self.lock();
        jobs.get(&job).is_some_and(|live| live.ended_as.is_some())
    }

    /// Hands a signal on to all jobs.
    pub(crate) fn forward(&self, signal: Signal) {
        for live in self.lock().values() {
            live.order(Order::Forward(signal));
        }
    }

    /// The jobs that run, and since when.
    pub(crate) fn since(&self) -> BTreeMap<usize, Instant> {
        let jobs = self.lock();
        jobs.iter().map(|(&job, live)| (job, live.since)).collect()
    }

    /// `job` is over. Gives what was known of it.
    pub(crate) fn over(&self, job: usize) -> Option<LiveJob> {
        self.lock().remove(&job)
    }

    /// Whether processes waited for memory when that was last looked at.
    pub(crate) fn is_pressed(&self) -> bool {
        self.pressed.load(Ordering::Relaxed)
    }

    /// Notes whether processes wait for memory, and tells whether that is new.
    pub(crate) fn set_pressed(&self, pressed: bool) -> bool {
        self.pressed.swap(pressed, Ordering::Relaxed) != pressed
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Jobs> {
        lock(&self.jobs)
    }
}

impl LiveJob {
    fn end(&mut self, reason: Ending, order: Order) {
        self.ended_as.get_or_insert(reason);
        self.order(order);
    }

    /// Gives an order to the supervisor. A job that has none yet starts none once it is to be ended.
    fn order(&self, order: Order) {
        if let Some(supervisor) = &self.supervisor {
            supervisor.give(order);
        }
    }
}
