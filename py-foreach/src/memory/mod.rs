//! Memory: a job starts only where the peak that the others showed still fits (`--memory`).
//!
//! Identical jobs peak together, and then the machine swaps. Each job's tree is looked at now and
//! then ([`sample`]); a new job starts when what can be had ([`available`]) covers its expected peak and
//! what those that run will still grow ([`rule`]), and when nothing waits for memory ([`pressure`]). One
//! always runs. Nothing is killed or stopped: a stopped job keeps its memory and its slots.

mod available;
mod pressure;
mod rule;
mod sample;

use std::time::{Duration, Instant};

use common::Result;

use crate::cli;
use crate::live::Jobs;
use available::Gauge;
use pressure::Pressure;
use rule::{Needs, Room};

pub(crate) use sample::watch;

/// How long a reading of the kernel's files is good for.
const FRESH: Duration = Duration::from_millis(10);

/// The rule at work.
#[derive(Debug)]
pub(crate) struct Memory {
    gauge: Gauge,
    leave: u64,
    /// The largest peak of a job that succeeded.
    shown: Option<u64>,
    /// The largest of any job, in bytes: one that failed may have ended long before its peak.
    seen: u64,
    read: Option<(Instant, u64)>,
    /// What could be had before anything ran.
    pub(crate) at_start: u64,
}

impl Memory {
    /// `None` if the rule is off.
    pub(crate) fn open(rule: cli::Memory) -> Result<Option<Self>> {
        let leave = match rule {
            cli::Memory::Off => return Ok(None),
            cli::Memory::Auto => 0,
            cli::Memory::Leave(bytes) => bytes,
        };
        let gauge = Gauge::find();
        let at_start = gauge.available()?;
        Ok(Some(Self {
            gauge,
            leave,
            shown: None,
            seen: 0,
            read: None,
            at_start,
        }))
    }

    /// Where the pressure is to be looked at.
    pub(crate) fn pressure(&self) -> Pressure {
        Pressure::new(self.gauge.pressure())
    }

    /// A job has ended, and this was its peak in bytes.
    pub(crate) fn learn(&mut self, peak: u64, failed: bool) {
        self.seen = self.seen.max(peak);
        if !failed {
            self.shown = self.shown.max(Some(peak));
        }
    }

    /// Whether one more job fits beside those that run.
    pub(crate) fn fits(&mut self, running: &Jobs) -> Result<bool> {
        let now = Instant::now();
        let available = match self.read {
            Some((then, bytes)) if now.duration_since(then) < FRESH => bytes,
            _ => {
                let bytes = self.gauge.available()?;
                self.read = Some((now, bytes));
                bytes
            }
        };
        let needs = Needs {
            shown: self.shown,
            running: running.values().map(|job| job.takes).collect(),
            seen: running
                .values()
                .map(|job| job.peak)
                .fold(self.seen, u64::max),
        };
        Ok(needs.fit(Room {
            available,
            leave: self.leave,
        }))
    }
}
