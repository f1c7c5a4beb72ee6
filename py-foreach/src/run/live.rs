//! The jobs that run, and the orders to them.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::process::Signal;

use crate::job::Ending;
use crate::supervise::tree::{Identity, children};
use crate::supervise::{Order, Orders, Supervisor};

/// All jobs that run; shared by their threads and the engine.
#[derive(Debug, Default)]
pub(crate) struct Live {
    jobs: Mutex<Jobs>,
    /// A start is over, one way or the other.
    started: Condvar,
    /// Work waits for memory.
    pressed: AtomicBool,
    /// Children that we had before we were py-foreach (`daemon & exec py-foreach …`).
    foreign: HashSet<Identity>,
}

/// In declared order.
pub(crate) type Jobs = BTreeMap<usize, LiveJob>;

/// A job from the moment it has a slot until its end.
#[derive(Debug)]
pub(crate) struct LiveJob {
    pub(crate) since: Instant,
    /// Its supervisor is being started.
    starting: bool,
    /// Its supervisor, once it has been started.
    pub(crate) supervisor: Option<Orders>,
    /// Why it is being ended, if it is.
    pub(crate) ended_as: Option<Ending>,
    /// The orders that were given while its supervisor was being started.
    missed: Vec<Order>,
    /// The memory that its tree takes, when it was last looked at, in bytes.
    pub(crate) takes: u64,
    /// The most that was seen of it.
    pub(crate) peak: u64,
}

impl Live {
    /// Nothing runs yet: whatever child there is was never ours.
    pub(crate) fn new() -> Self {
        Self {
            foreign: children(),
            ..Self::default()
        }
    }

    /// Whether this is a child that is none of our business.
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
    /// No lock is held meanwhile, so that whoever ends a run need not wait for a start; the supervisor gets
    /// the orders that it missed.
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
            if live.supervisor.is_some() {
                for order in std::mem::take(&mut live.missed) {
                    live.order(order);
                }
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
            live.ended_as.get_or_insert(reason);
            live.order(order);
        }
    }

    /// Ends all jobs because of `reason`.
    pub(crate) fn end_all(&self, reason: Ending, order: Order) {
        for live in self.lock().values_mut() {
            live.ended_as.get_or_insert(reason);
            live.order(order);
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

    /// `job` is over. Gives what was known of it.
    pub(crate) fn over(&self, job: usize) -> Option<LiveJob> {
        let live = self.lock().remove(&job);
        // One whose thread failed in the middle of a start starts no more.
        self.started.notify_all();
        live
    }

    /// Whether work waits for memory, when it was last looked at.
    pub(crate) fn is_pressed(&self) -> bool {
        self.pressed.load(Ordering::Relaxed)
    }

    /// Notes whether work waits for memory, and tells whether that is new.
    pub(crate) fn set_pressed(&self, pressed: bool) -> bool {
        self.pressed.swap(pressed, Ordering::Relaxed) != pressed
    }

    /// Looks at the jobs that run, or notes something of them.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Jobs> {
        // Each change is whole in itself.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveJob {
    /// Gives an order to the supervisor, or will when there is one.
    fn order(&mut self, order: Order) {
        match &self.supervisor {
            Some(supervisor) => supervisor.give(order),
            None => self.missed.push(order),
        }
    }
}
