//! The jobs that run, and the orders to them.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use common::lock;
use rustix::process::Signal;

use crate::job::Ending;
use crate::supervise::tree::{Identity, children};
use crate::supervise::{Order, Orders, Supervisor};

/// All jobs that run; shared by their threads and the engine.
#[derive(Debug, Default)]
pub(crate) struct Live {
    jobs: Mutex<Jobs>,
    /// A start has ended, well or not.
    started: Condvar,
    /// Processes wait for memory.
    pressed: AtomicBool,
    /// Children that we had before we were py-foreach (`daemon & exec py-foreach …`).
    foreign: HashSet<Identity>,
}

/// In declared order.
pub(crate) type Jobs = BTreeMap<usize, LiveJob>;

/// A job from the moment it has a slot until its end.
#[derive(Debug)]
pub(crate) struct LiveJob {
    since: Instant,
    /// Its supervisor is being started.
    starting: bool,
    /// Its supervisor, once it has been started.
    pub(crate) supervisor: Option<Orders>,
    /// Why it is being ended, if it is.
    pub(crate) ended_as: Option<Ending>,
    /// The orders that were given before it had a supervisor.
    missed: Vec<Order>,
    /// The memory that its tree takes, when it was last looked at, in bytes.
    pub(crate) takes: u64,
    /// The most that was seen of it.
    pub(crate) peak: u64,
}

impl Live {
    /// Nothing runs yet: any child there is now was never ours.
    pub(crate) fn new() -> Self {
        Self {
            foreign: children(),
            ..Self::default()
        }
    }

    /// Whether this child was there before us.
    pub(crate) fn is_foreign(&self, process: Identity) -> bool {
        self.foreign.contains(&process)
    }

    /// `job` has a slot.
    pub(crate) fn begin(&self, job: usize) {
        let live = LiveJob {
            since: Instant::now(),
            starting: false,
            supervisor: None,
            ended_as: None,
            missed: Vec::new(),
            takes: 0,
            peak: 0,
        };
        self.lock().insert(job, live);
    }

    /// Starts the supervisor of `job`, unless the job is to be ended already.
    ///
    /// No lock is held meanwhile, so that ending a run waits for no start; the supervisor gets the orders that it
    /// missed.
    pub(crate) fn start<E>(
        &self,
        job: usize,
        start: impl FnOnce() -> Result<Supervisor, E>,
    ) -> Result<Option<Supervisor>, E> {
        match self.lock().get_mut(&job) {
            Some(live) if live.ended_as.is_some() => return Ok(None),
            Some(live) => live.starting = true,
            None => {}
        }
        let started = start();
        if let Some(live) = self.lock().get_mut(&job) {
            live.starting = false;
            live.supervisor = started.as_ref().ok().map(Supervisor::orders);
            if let Some(supervisor) = &live.supervisor {
                live.missed
                    .drain(..)
                    .for_each(|order| supervisor.give(order));
            }
        }
        self.started.notify_all();
        started.map(Some)
    }

    /// The jobs that run, once no start is under way: then each has its supervisor and all its orders.
    pub(crate) fn settled(&self) -> MutexGuard<'_, Jobs> {
        let starting = |jobs: &mut Jobs| jobs.values().any(|live| live.starting);
        let settled = self.started.wait_while(self.lock(), starting);
        settled.unwrap_or_else(PoisonError::into_inner)
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
        for live in self.lock().values_mut() {
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
        let live = self.lock().remove(&job);
        // A job whose thread panicked in the middle of a start starts no more.
        self.started.notify_all();
        live
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

    /// Gives an order to the supervisor, or will when there is one.
    fn order(&mut self, order: Order) {
        match &self.supervisor {
            Some(supervisor) => supervisor.give(order),
            None => self.missed.push(order),
        }
    }
}
