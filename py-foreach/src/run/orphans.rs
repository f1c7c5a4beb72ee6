//! The tree of a supervisor that was killed: it has come to us, and we end it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, waitpid};

use super::live::Live;
use crate::supervise::Starter;
use crate::supervise::tree::{Process, Processes, has_ended};

/// How long a killed process may take to end: one that is stopped in the kernel takes what it takes.
const LIMIT: Duration = Duration::from_secs(5);

/// Ends what has become our child, `supervisor` having been killed, and is no supervisor, dead or alive.
///
/// A daemon that an earlier job left belongs to that job's end and may be among them; it cannot be told
/// apart any more, and a killed supervisor is reason enough to leave nothing behind.
pub(crate) fn end(live: &Live, starter: &Starter, supervisor: u32, grace: Duration) {
    await_end(supervisor);
    let deadline = Instant::now() + grace;
    // What even KILL does not reach is not ours to signal.
    let give_up = deadline + Duration::from_secs(5);
    let mut signal = Signal::TERM;
    let mut told = HashSet::new();
    loop {
        let left = starter.hold(|starter| orphans(live, starter));
        if left.is_empty() || Instant::now() >= give_up {
            return;
        }
        if Instant::now() >= deadline {
            signal = Signal::KILL;
        }
        for process in &left {
            if process.zombie {
                let _taken =
                    Pid::from_raw(process.pid).map(|p| waitpid(Some(p), WaitOptions::NOHANG));
            } else if signal == Signal::KILL || told.insert(process.identity()) {
                process.signal(signal);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until a process has given its children away: it closes its files, by which we know of its end,
/// before that.
fn await_end(process: u32) {
    let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) else {
        return;
    };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => {
            let mut fds = [PollFd::new(&handle, PollFlags::IN)];
            let limit = Timespec::try_from(LIMIT).ok();
            while let Err(Errno::INTR) = poll(&mut fds, limit.as_ref()) {}
        }
        // The kernel has no handles, or a filter refuses them.
        Err(Errno::NOSYS | Errno::PERM) => {
            let give_up = Instant::now() + LIMIT;
            while !has_ended(pid.as_raw_nonzero().get()) && Instant::now() < give_up {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        // What cannot be opened is gone.
        Err(_) => {}
    }
}

fn orphans(live: &Live, starter: u32) -> Vec<Process> {
    // A supervisor that is just starting is not known yet. It is a child of the starter, as all are that no
    // killed starter has left to us.
    let jobs = live.lock();
    let known: HashSet<i32> = jobs
        .values()
        .filter_map(|job| Some(job.supervisor.as_ref()?.0))
        .chain([starter])
        .filter_map(|pid| i32::try_from(pid).ok())
        .collect();
    let me = rustix::process::getpid().as_raw_nonzero().get();
    let all = Processes::now();
    let mut left = Vec::new();
    for child in all.below(me).into_iter().filter(|p| p.parent == me) {
        if !known.contains(&child.pid) && !live.is_foreign(child.identity()) {
            left.push(child.clone());
            left.extend(all.below(child.pid).into_iter().cloned());
        }
    }
    left
}
