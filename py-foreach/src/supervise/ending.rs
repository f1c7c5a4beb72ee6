//! Ends the tree of a supervisor, and looks at what is left of it.

use std::collections::HashSet;
use std::time::Instant;

use rustix::process::Signal;

use super::tree::{Identity, Processes};
use super::word::Daemon;

/// The tree is being ended.
pub(super) struct Ending {
    pub(super) kill_at: Instant,
    /// The processes that have been told to end, and by which signal: what is forked meanwhile has not, and
    /// none is told twice by the same, though it may reach us from the engine and from elsewhere.
    pub(super) told: HashSet<(Identity, i32)>,
    /// The signal that they are told by.
    pub(super) by: Signal,
}

impl Ending {
    /// Tells those that do not know yet.
    pub(super) fn tell(&mut self) {
        let by = self.by.as_raw();
        for process in Processes::now().below(me()) {
            if !process.zombie && self.told.insert((process.identity(), by)) {
                process.signal(self.by);
            }
        }
    }
}

fn me() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

/// Signals all that live below this process.
pub(super) fn signal_tree(signal: Signal) {
    for process in Processes::now().below(me()) {
        if !process.zombie {
            process.signal(signal);
        }
    }
}

/// All that live below this process.
pub(super) fn daemons() -> Vec<Daemon> {
    let all = Processes::now();
    let left = all.below(me()).into_iter().filter(|p| !p.zombie);
    left.map(|process| Daemon {
        pid: process.pid,
        name: process.name.clone(),
    })
    .collect()
}
