//! The programs that are being asked, so that none outlives a py-foreach that a signal ends.
//!
//! Each is the leader of a group of its own, which the terminal's signals do not reach.

use std::collections::HashSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustix::process::{Pid, Signal, kill_process_group};

/// All groups that run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Probes(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Shared by who starts or ends one; alone with it is who ends all.
    gate: RwLock<()>,
    groups: Mutex<HashSet<Pid>>,
}

/// While it lives, none starts, and none is given up for having been ended.
#[derive(Debug)]
pub(crate) struct AllEnded<'a>(
    #[expect(dead_code, reason = "held, not read")] RwLockWriteGuard<'a, ()>,
);

/// A program that runs; its whole group ends with this value.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) child: Child,
    pub(super) group: Pid,
    probes: Probes,
}

impl Probes {
    /// Starts `command` in a group of its own.
    pub(super) fn start(&self, command: &mut Command) -> io::Result<Probe> {
        let _not_yet_ended = self.enter();
        let child = command.process_group(0).spawn()?;
        let group = Pid::from_child(&child);
        self.change(|groups| groups.insert(group));
        Ok(Probe {
            child,
            group,
            probes: self.clone(),
        })
    }

    /// Ends all that run.
    ///
    /// Who waits for one of them waits on until the value is dropped: nobody speaks of programs
    /// that give no answer when it is us who ended them.
    #[must_use]
    pub(crate) fn end_all(&self) -> AllEnded<'_> {
        let alone = self.0.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.change(|groups| groups.drain().for_each(end));
        AllEnded(alone)
    }

    fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.0.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashSet<Pid>) -> T) -> T {
        // Each change is whole in itself.
        let mut groups = self.0.groups.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut groups)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _not_yet_ended = self.probes.enter();
        // Before it is waited for: its number may then be somebody else's.
        self.probes.change(|groups| groups.remove(&self.group));
        end(self.group);
        // Its status is of no interest: the answer counts.
        drop(self.child.wait());
    }
}

fn end(group: Pid) {
    // ESRCH means that all of it is gone, which is what is wanted.
    let _gone = kill_process_group(group, Signal::KILL);
}
