//! fork(2): what safe Rust cannot offer, because in a process with threads the copy may find a lock held
//! by a thread that it does not have.
#![allow(unsafe_code)]

use std::fs;
use std::io;

use nix::unistd::{ForkResult, fork};
use rustix::process::Pid;

/// A process that has one thread. Whoever holds this starts no other.
#[derive(Debug)]
pub(super) struct OneThread(());

/// Which of the two processes this is.
#[derive(Debug)]
pub(super) enum Side {
    /// The one that was there, and the number of the copy.
    Parent(Pid),
    /// The copy.
    Child,
}

impl OneThread {
    /// Counts the threads of this process, by proc(5).
    pub(super) fn new() -> io::Result<Self> {
        match fs::read_dir("/proc/self/task")?.count() {
            1 => Ok(Self(())),
            _ => Err(io::Error::other(
                "it has several threads: a preloaded library has started them",
            )),
        }
    }

    /// Makes a copy of this process.
    pub(super) fn split(&self) -> io::Result<Side> {
        let Self(()) = self;
        // SAFETY: this process has one thread (`self` is the proof), which is here and holds no lock, so that the copy finds
        // every lock free and may do whatever it likes, allocate for one.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => Pid::from_raw(child.as_raw())
                .map(Side::Parent)
                .ok_or_else(|| io::Error::other("fork gave no process")),
            ForkResult::Child => Ok(Side::Child),
        }
    }
}
