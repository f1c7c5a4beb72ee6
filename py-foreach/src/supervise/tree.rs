//! The processes below a process, as /proc shows them now.

use std::collections::HashMap;
use std::fs;

use common::{Error, Result};
use rustix::process::{Pid, Signal, kill_process};

/// One process as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    /// Ended, and its parent has not asked yet.
    pub(crate) zombie: bool,
    pub(crate) name: String,
    /// Clock ticks since boot; with the pid it names a process for good.
    started: u64,
}

/// A process's number and the time it started: no other ever has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Identity(i32, u64);

/// Every process that can be seen.
#[derive(Debug, Default)]
pub(crate) struct Processes(HashMap<i32, Vec<Process>>);

impl Processes {
    /// Looks at /proc once. What ends meanwhile is not in it.
    pub(crate) fn now() -> Self {
        let mut by_parent: HashMap<i32, Vec<Process>> = HashMap::new();
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        for process in pids.filter_map(see) {
            by_parent.entry(process.parent).or_default().push(process);
        }
        Self(by_parent)
    }

    /// All that descend from `pid`, zombies included, `pid` itself not.
    pub(crate) fn below(&self, pid: i32) -> Vec<Process> {
        let mut found = Vec::new();
        let mut parents = vec![pid];
        while let Some(parent) = parents.pop() {
            // A process is in one list only, so this ends whatever /proc showed.
            for child in self.0.get(&parent).into_iter().flatten() {
                found.push(child.clone());
                parents.push(child.pid);
            }
        }
        found
    }
}

/// Sees to it that /proc shows the processes by the numbers that we know them by.
///
/// # Errors
/// It belongs to another PID namespace: there no tree could be ended.
pub(crate) fn check_proc() -> Result<()> {
    const SELF: &str = "/proc/self";
    let shown = fs::read_link(SELF).map_err(|cause| Error::io("read", SELF, cause))?;
    let me = rustix::process::getpid().as_raw_nonzero().to_string();
    if shown.as_os_str() == me.as_str() {
        return Ok(());
    }
    let cause = "belongs to another PID namespace: mount one for this (unshare --mount-proc)";
    Err(Error::refused("use", "/proc", cause))
}

fn see(pid: i32) -> Option<Process> {
    parse(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads `/proc/PID/stat`, see proc(5). The name may hold blanks and parentheses.
fn parse(pid: i32, stat: &[u8]) -> Option<Process> {
    let open = stat.iter().position(|&b| b == b'(')?;
    let close = stat.iter().rposition(|&b| b == b')')?;
    let rest = std::str::from_utf8(stat.get(close + 2..)?).ok()?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    // Field 22, the third of the rest being field 5.
    let started = fields.nth(17)?.parse().ok()?;
    Some(Process {
        pid,
        parent,
        zombie: matches!(state, "Z" | "X"),
        name: String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned(),
        started,
    })
}

impl Process {
    pub(crate) fn identity(&self) -> Identity {
        Identity(self.pid, self.started)
    }

    /// Sends `signal` to this very process, and to no other that has its number by now.
    ///
    /// A process that is gone, or that we may not signal, is passed over: ending a tree looks again. Between our look
    /// and the signal the number could only pass to another process after all other numbers had been used.
    pub(crate) fn signal(&self, signal: Signal) {
        let is_same = see(self.pid).is_some_and(|now| now.started == self.started);
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| is_same) {
            let _gone = kill_process(pid, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = b"7 (a) b (c) S 3 7 7 0 -1 4 0 0 0 0 1 2 3 4 20 0 1 0 5551 6 7\n";
        let process = parse(7, stat).unwrap();
        assert_eq!((process.parent, process.started), (3, 5551));
        assert_eq!(process.name, "a) b (c");
        assert!(!process.zombie);
        assert!(parse(7, b"7 (x").is_none());
    }

    #[test]
    fn we_descend_from_our_parent() {
        let me = i32::try_from(std::process::id()).unwrap();
        let parent = see(me).unwrap().parent;
        let all = Processes::now();
        assert!(all.below(parent).iter().any(|p| p.pid == me));
        assert!(all.below(me).iter().all(|p| p.pid != me));
    }
}
