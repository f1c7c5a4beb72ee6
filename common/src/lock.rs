//! Locks a mutex whatever became of the threads that held it before.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, also after another thread panicked while it held the lock.
///
/// Use it for values that are whole after every statement, such as collections that are only pushed to. The
/// panic itself is reported where that thread is joined.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
