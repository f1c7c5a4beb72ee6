//! Work that is shared among threads, where doing a piece may add more.
//!
//! A thread takes its newest piece first, so a tree is walked in depth: the handles that waiting pieces keep open grow
//! with the depth of the tree and not with its size. Most merges end before a second thread is worth its start.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use common::lock;
use rayon::{Scope, ThreadPoolBuilder};

use crate::settings::Threads;

/// What a piece of work may do to the rest.
#[derive(Debug)]
pub(crate) struct Pool<'a, T> {
    waiting: Mutex<Vec<T>>,
    stopped: &'a AtomicBool,
}

/// How many pieces have to wait before other threads are started.
const WORTH_SHARING: usize = 4;

impl<'a, T: Send> Pool<'a, T> {
    fn new(waiting: Vec<T>, stopped: &'a AtomicBool) -> Self {
        let waiting = Mutex::new(waiting);
        Self { waiting, stopped }
    }

    /// Does `first` and everything that comes from it, until nothing is left or the work is stopped.
    pub(crate) fn run(threads: Threads, first: Vec<T>, work: impl Fn(T, &Pool<'_, T>) + Sync) {
        let stopped = AtomicBool::new(false);
        let pool = Pool::new(first, &stopped);
        let mut most = WORTH_SHARING;
        if threads == Threads::Number(1) {
            most = usize::MAX;
        }
        pool.work_alone(most, &work);
        let rest = lock(&pool.waiting).len();
        if rest == 0 {
            return;
        }
        match ThreadPoolBuilder::new()
            .num_threads(threads.count())
            .build()
        {
            Ok(rayon) => {
                let pieces = std::mem::take(&mut *lock(&pool.waiting));
                rayon.in_place_scope(|scope| spawn(scope, pieces, &stopped, &work));
            }
            // The system gives no more threads.
            Err(_) => pool.work_alone(usize::MAX, &work),
        }
    }

    /// Adds work, the last of which is done first.
    pub(crate) fn add(&self, more: impl IntoIterator<Item = T>) {
        lock(&self.waiting).extend(more);
    }

    /// Drops what waits. What is being done ends by itself.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn work_alone(&self, most: usize, work: &(impl Fn(T, &Self) + Sync)) {
        while let Some(piece) = self.take(most) {
            work(piece, self);
        }
    }

    /// The newest piece, if fewer than `most` wait.
    fn take(&self, most: usize) -> Option<T> {
        let mut waiting = lock(&self.waiting);
        if self.stopped.load(Ordering::Relaxed) {
            waiting.clear();
        }
        if waiting.len() >= most {
            return None;
        }
        waiting.pop()
    }
}

fn spawn<'s, T: Send + 's>(
    scope: &Scope<'s>,
    pieces: Vec<T>,
    stopped: &'s AtomicBool,
    work: &'s (impl Fn(T, &Pool<'_, T>) + Sync),
) {
    for piece in pieces {
        scope.spawn(move |scope| {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            let own = Pool::new(Vec::new(), stopped);
            work(piece, &own);
            let more = own.waiting.into_inner().unwrap_or_default();
            spawn(scope, more, stopped, work);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

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
