//! Threads that share a heap of work, where doing a piece may add more.
//!
//! The newest piece goes first, so a tree is walked in depth: what waits, and the handles that it
//! keeps open, grows with the depth of the tree and not with its size.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::settings::Threads;

/// The work that waits.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    waiting: Vec<T>,
    busy: usize,
    stopped: bool,
    worth_sharing: usize,
    /// Whether other threads are at it.
    shared: bool,
}

/// Pieces that wait before other threads are started: most merges are over before that.
const WORTH_SHARING: usize = 4;

impl<T: Send> Pool<T> {
    /// Does `first` and all that comes from it on `threads` threads, until nothing is left or the pool
    /// is stopped.
    pub(crate) fn run(threads: Threads, first: Vec<T>, work: impl Fn(T, &Self) + Sync) {
        let pool = Self {
            state: Mutex::new(State {
                waiting: first,
                busy: 0,
                stopped: false,
                shared: false,
                worth_sharing: if threads == Threads::Number(1) {
                    usize::MAX
                } else {
                    WORTH_SHARING
                },
            }),
            changed: Condvar::new(),
        };
        while let Some(piece) = pool.take_alone() {
            let _busy = Busy(&pool);
            work(piece, &pool);
        }
        if pool.lock().waiting.is_empty() {
            return;
        }
        pool.lock().shared = true;
        thread::scope(|scope| {
            for _ in 1..threads.count() {
                let helper = thread::Builder::new();
                // Where the system gives no more threads, those that there are do the work.
                if helper.spawn_scoped(scope, || pool.help(&work)).is_err() {
                    break;
                }
            }
            pool.help(&work);
        });
    }

    /// Adds work, the last of which is done first.
    pub(crate) fn add(&self, more: impl IntoIterator<Item = T>) {
        let mut state = self.lock();
        state.waiting.extend(more);
        if state.shared {
            self.changed.notify_all();
        }
    }

    /// Drops what waits; what is being done ends by itself.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.waiting.clear();
    }

    fn help(&self, work: &(impl Fn(T, &Self) + Sync)) {
        while let Some(piece) = self.take() {
            let _busy = Busy(self);
            work(piece, self);
        }
    }

    /// The next piece while there is too little to share.
    fn take_alone(&self) -> Option<T> {
        let mut state = self.lock();
        if state.stopped || state.waiting.len() >= state.worth_sharing {
            return None;
        }
        let piece = state.waiting.pop()?;
        state.busy += 1;
        Some(piece)
    }

    fn take(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(piece) = state.waiting.pop() {
                state.busy += 1;
                return Some(piece);
            }
            if state.busy == 0 {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // A panic in the work leaves the heap whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thread at work; the others must not wait for it when it panics.
struct Busy<'a, T: Send>(&'a Pool<T>);

impl<T: Send> Drop for Busy<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.busy -= 1;
        if state.busy == 0 && state.shared {
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn all_work_is_done_by_any_number_of_threads() {
        for threads in [1, 2, 7] {
            let done = AtomicUsize::new(0);
            Pool::run(Threads::Number(threads), vec![10_u32], |depth, pool| {
                done.fetch_add(1, Ordering::Relaxed);
                if depth > 0 {
                    pool.add([depth - 1, depth - 1]);
                }
            });
            assert_eq!(done.load(Ordering::Relaxed), (1 << 11) - 1);
        }
    }

    #[test]
    fn a_stopped_pool_ends() {
        let done = AtomicUsize::new(0);
        Pool::run(Threads::Number(2), vec![0_u32; 1000], |_, pool| {
            done.fetch_add(1, Ordering::Relaxed);
            pool.stop();
        });
        assert!(done.load(Ordering::Relaxed) <= 2);
    }
}
