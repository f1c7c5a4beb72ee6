//! Whether one more job fits: plain numbers.

/// What a job is taken to need before any has succeeded, in bytes. Compiling one large generated C file at
/// -O2 takes about as much; where memory is scarcer than this, the first job goes ahead alone.
pub(crate) const UNKNOWN: u64 = 1 << 30;

/// Memory as it stands, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// What can be had without swapping, by the system's and the cgroup's word.
    pub(crate) available: u64,
    /// What is to stay available.
    pub(crate) leave: u64,
}

/// What the jobs need, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The largest peak of a job that succeeded.
    pub(crate) shown: Option<u64>,
    /// What each job that runs takes now.
    pub(crate) running: Vec<u64>,
    /// The largest that any has taken so far.
    pub(crate) seen: u64,
}

impl Needs {
    /// What a job is expected to take at its peak: identical jobs peak alike, with a tenth to spare.
    pub(crate) fn expected(&self) -> u64 {
        let known = self.shown.unwrap_or(UNKNOWN).max(self.seen);
        known + known / 10
    }

    /// Whether one more fits beside what those that run will still grow.
    pub(crate) fn fit(&self, room: Room) -> bool {
        let expected = self.expected();
        let growth: u64 = self
            .running
            .iter()
            .map(|now| expected.saturating_sub(*now))
            .sum();
        room.available >= room.leave.saturating_add(growth).saturating_add(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn room(available: u64) -> Room {
        Room {
            available: available * MIB,
            leave: 0,
        }
    }

    #[test]
    fn while_nothing_is_known_scarce_memory_is_for_one() {
        let needs = Needs {
            running: vec![0],
            ..Needs::default()
        };
        assert!(!needs.fit(room(2048)));
        assert!(needs.fit(room(4096)));
    }

    #[test]
    fn what_runs_will_grow_to_the_peak_that_was_shown() {
        let needs = |running: Vec<u64>| Needs {
            shown: Some(500 * MIB),
            running: running.into_iter().map(|n| n * MIB).collect(),
            seen: 0,
        };
        // A tenth to spare: 550 each.
        assert!(needs(vec![0, 0]).fit(room(1700)));
        assert!(!needs(vec![0, 0]).fit(room(1600)));
        // What they have taken is no longer available, and need not be found again.
        assert!(needs(vec![500, 500]).fit(room(700)));
        assert!(!needs(vec![500, 500]).fit(room(600)));
    }

    #[test]
    fn a_job_that_outgrows_the_first_is_the_new_measure() {
        let needs = Needs {
            shown: Some(MIB),
            running: vec![],
            seen: 1000 * MIB,
        };
        assert!(!needs.fit(room(1000)));
        assert!(needs.fit(room(1100)));
    }

    #[test]
    fn what_is_to_stay_stays() {
        let needs = Needs {
            shown: Some(100 * MIB),
            ..Needs::default()
        };
        let leave = |leave| Room {
            available: 1000 * MIB,
            leave: leave * MIB,
        };
        assert!(needs.fit(leave(890)));
        assert!(!needs.fit(leave(891)));
        assert!(!needs.fit(Room {
            available: MIB,
            leave: u64::MAX
        }));
    }
}
