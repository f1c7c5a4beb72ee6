//! Looks at what each job's tree takes, now and then, in a thread of its own.

use std::fs;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::pressure::Pressure;
use crate::live::Live;
use crate::supervise::tree::Processes;

/// The time between two looks is at least this, and so many times what a look costs.
const INTERVAL: Duration = Duration::from_millis(200);
const COST: u32 = 100;

/// Notes in `live` what the jobs take and whether memory is short, until `stop` is dropped.
///
/// Calls `changed` when the latter is new: tokens that lie in the pool are to be withdrawn at once.
pub(crate) fn watch(live: &Live, pressure: &Pressure, changed: &impl Fn(), stop: &Receiver<()>) {
    let mut pause = INTERVAL / 2;
    while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let begun = Instant::now();
        look(live);
        if live.set_pressed(pressure.is_high()) {
            changed();
        }
        pause = INTERVAL.max(begun.elapsed() * COST);
    }
}

fn look(live: &Live) {
    let roots: Vec<(usize, i32)> = {
        let jobs = live.lock();
        let with_tree = jobs.iter();
        with_tree
            .filter_map(|(&job, l)| Some((job, l.supervisor.as_ref()?.pid)))
            .collect()
    };
    if roots.is_empty() {
        return;
    }
    let all = Processes::now();
    for (job, root) in roots {
        let tree = all.below(root).into_iter().filter(|p| !p.zombie);
        let bytes = tree.map(|process| taken_by(process.pid)).sum();
        if let Some(live) = live.lock().get_mut(&job) {
            live.takes = bytes;
            live.peak = live.peak.max(bytes);
        }
    }
}

/// The proportional size of a process, shared pages by their share; its resident size where the former
/// is not to be had; 0 where the process is gone.
fn taken_by(pid: i32) -> u64 {
    let proportional = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
    let resident = || {
        field(
            &fs::read_to_string(format!("/proc/{pid}/status")).ok()?,
            "VmRSS:",
        )
    };
    let kib = proportional
        .and_then(|text| field(&text, "Pss:"))
        .or_else(resident);
    kib.unwrap_or(0) * 1024
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_take_something() {
        assert!(taken_by(rustix::process::getpid().as_raw_nonzero().get()) > 100 << 10);
        assert_eq!(taken_by(0), 0);
    }

    #[test]
    fn a_field_is_in_kibibytes() {
        assert_eq!(field("Rss:  9 kB\nPss:     12 kB\n", "Pss:"), Some(12));
        assert_eq!(field("Rss:  9 kB\n", "Pss:"), None);
    }
}
