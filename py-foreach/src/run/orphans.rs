//! The tree of a supervisor that was killed: its processes have become our children, and we end them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, waitpid};

use crate::live::Live;
use crate::supervise::tree::{Process, Processes};

/// How long KILL may take. A process that we may not signal is not ended by it either.
const KILLED: Duration = Duration::from_secs(5);

/// Ends all our children that are no supervisors.
///
/// A daemon that an earlier job left may be among them. It cannot be told apart, and a killed supervisor is reason
/// enough to leave nothing behind.
pub(crate) fn end(live: &Live, grace: Duration) {
    let deadline = Instant::now() + grace;
    let mut told = HashSet::new();
    loop {
        let left = orphans(live);
        let now = Instant::now();
        if left.is_empty() || now >= deadline + KILLED {
            return;
        }
        for process in &left {
            if process.zombie {
                let _taken =
                    Pid::from_raw(process.pid).map(|pid| waitpid(Some(pid), WaitOptions::NOHANG));
            } else if now >= deadline {
                process.signal(Signal::KILL);
            } else if told.insert(process.identity()) {
                process.signal(Signal::TERM);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn orphans(live: &Live) -> Vec<Process> {
    // While it is locked, every supervisor is known.
    let jobs = live.lock();
    let known: HashSet<i32> = jobs
        .values()
        .filter_map(|job| Some(job.supervisor.as_ref()?.pid))
        .collect();
    let me = rustix::process::getpid().as_raw_nonzero().get();
    let all = Processes::now();
    let mut left = Vec::new();
    for child in all.below(me).into_iter().filter(|p| p.parent == me) {
        if !known.contains(&child.pid) {
            left.extend(all.below(child.pid));
            left.push(child);
        }
    }
    left
}
