//! A lock on a directory itself: no lock file, and the kernel drops it when the holder dies.

use rustix::fs::FlockOperation;
use rustix::io::{Errno, Result};

use super::Dir;

/// Which lock, and whether to wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// For a writer; wait until nobody else has one.
    Exclusive,
    /// For a reader; wait until no writer has one.
    Shared,
    /// For a writer; do not wait.
    TryExclusive,
}

/// The answer to a request for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "only `Held` is a lock"]
pub enum Locked {
    /// We have it until the handle is closed.
    Held,
    /// Another handle has it. Only [`Lock::TryExclusive`] gets this answer.
    Busy,
    /// This file system cannot lock a directory (NFS and some FUSE file systems).
    Unsupported,
}

/// Locks `dir` by flock(2). A signal that has a handler does not end the wait.
pub fn flock(dir: &Dir, lock: Lock) -> Result<Locked> {
    let operation = match lock {
        Lock::Exclusive => FlockOperation::LockExclusive,
        Lock::Shared => FlockOperation::LockShared,
        Lock::TryExclusive => FlockOperation::NonBlockingLockExclusive,
    };
    match rustix::io::retry_on_intr(|| rustix::fs::flock(dir, operation)) {
        Ok(()) => Ok(Locked::Held),
        Err(Errno::WOULDBLOCK) => Ok(Locked::Busy),
        Err(Errno::BADF | Errno::OPNOTSUPP | Errno::NOLCK | Errno::INVAL) => {
            Ok(Locked::Unsupported)
        }
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_finds_the_lock_busy() {
        let home = tempfile::tempdir().expect("a directory");
        let open = || Dir::named(home.path()).expect("a directory");
        let first = open();
        assert_eq!(flock(&first, Lock::Exclusive), Ok(Locked::Held));
        assert_eq!(flock(&open(), Lock::TryExclusive), Ok(Locked::Busy));
        drop(first);
        assert_eq!(flock(&open(), Lock::Shared), Ok(Locked::Held));
    }
}
