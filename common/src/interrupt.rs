//! INT, TERM and HUP: the tool leaves nothing half-made, and then dies by the same signal.
//!
//! Without a [`Hold`] a signal ends the process at once, also while it waits for a lock or reads a pipe. While a hold
//! lives, a signal is only recorded: the work checks [`Interrupts::pending`] between its steps, stops, rolls back, and
//! drops the hold, which ends the process by the signal. A signal that was ignored when we started stays ignored
//! (`nohup`, `cmd &`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::{Error, Result, exit, lock, procfs};

/// The signals that ask a tool to stop.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// The watch over the signals of this process.
#[derive(Debug, Clone)]
pub struct Interrupts {
    holds: Arc<Mutex<Holds>>,
    /// The last signal, or 0. The handler writes it, so a signal counts from its delivery on, and not only from when
    /// the waiting thread runs.
    delivered: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct Holds {
    count: usize,
    pending: Option<i32>,
}

impl Interrupts {
    /// Starts to watch. One thread of the process waits for the signals from here on.
    pub fn watch() -> Result<Self> {
        let ignored = ignored_signals()?;
        outlive_file_limit(ignored)?;
        let watch = Self {
            holds: Arc::default(),
            delivered: Arc::default(),
        };
        let mut heeded = ENDING.to_vec();
        heeded.retain(|signal| !ignored.contains(*signal));
        let unwatched = |cause| Error::io("watch", "signals", cause);
        for signal in &heeded {
            let delivered = watch.delivered.clone();
            flag::register_usize(*signal, delivered, signal.unsigned_abs() as usize)
                .map_err(unwatched)?;
        }
        let mut signals = Signals::new(heeded).map_err(unwatched)?;
        let watched = watch.clone();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    watched.arrived(signal);
                }
            })
            .map_err(|cause| Error::io("start", "thread", cause))?;
        Ok(watch)
    }

    /// Until the hold is dropped, a signal is recorded and does not end the process.
    #[must_use]
    pub fn hold(&self) -> Hold {
        lock(&self.holds).count += 1;
        Hold(self.clone())
    }

    /// The signal that arrived while a hold lived.
    #[must_use]
    pub fn pending(&self) -> Option<i32> {
        self.recorded(&mut lock(&self.holds))
    }

    fn recorded(&self, holds: &mut Holds) -> Option<i32> {
        let delivered = i32::try_from(self.delivered.load(Ordering::SeqCst)).unwrap_or(0);
        if holds.pending.is_none() && delivered != 0 {
            holds.pending = Some(delivered);
        }
        holds.pending
    }

    fn arrived(&self, signal: i32) {
        let mut holds = lock(&self.holds);
        if holds.count == 0 {
            die_by(signal);
        }
        holds.pending.get_or_insert(signal);
    }
}

/// While it lives, signals wait.
#[derive(Debug)]
pub struct Hold(Interrupts);

impl Drop for Hold {
    fn drop(&mut self) {
        let mut holds = lock(&self.0.holds);
        holds.count -= 1;
        if let (0, Some(signal)) = (holds.count, self.0.recorded(&mut holds)) {
            die_by(signal);
        }
    }
}

/// Makes a write beyond the limit of file sizes (setrlimit(2), `ulimit -f`) fail with EFBIG, which is rolled back like
/// a full disk. Without this SIGXFSZ would end us in the middle.
///
/// It sets a handler and does not ignore the signal, because the programs that we execute would inherit that. `ignored`
/// are the signals that were ignored when we started; they stay ignored.
pub fn outlive_file_limit(ignored: SignalSet) -> Result<()> {
    if !ignored.contains(SIGXFSZ) {
        flag::register(SIGXFSZ, Arc::default())
            .map_err(|cause| Error::io("watch", "signals", cause))?;
    }
    Ok(())
}

/// Ends this process by `signal`, so that its parent sees that signal.
pub fn die_by(signal: i32) -> ! {
    // It returns only for a signal whose default does not end a process.
    let _returned = emulate_default_handler(signal);
    std::process::exit(exit::of_signal(signal).into())
}

/// A set of signals, as the kernel shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalSet(u64);

impl SignalSet {
    /// Whether `signal` is in the set.
    #[must_use]
    pub fn contains(self, signal: i32) -> bool {
        (1..=64).contains(&signal) && self.0 & (1 << (signal - 1)) != 0
    }
}

/// The signals that this process ignores now: `SigIgn` of proc(5). Ask before handlers are set.
///
/// SIGPIPE is always among them, because Rust ignores it at start.
pub fn ignored_signals() -> Result<SignalSet> {
    const STATUS: &str = "/proc/self/status";
    let status = procfs::read_text(STATUS).map_err(|c| Error::io("read", STATUS, c))?;
    parse_ignored(&status).ok_or_else(|| Error::refused("read", STATUS, "has no SigIgn line"))
}

fn parse_ignored(status: &str) -> Option<SignalSet> {
    let mask = status.lines().find_map(|l| l.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok().map(SignalSet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_mask_is_read() {
        let set = parse_ignored("Name:\tx\nSigIgn:\t0000000000001003\nSigCgt:\t0\n").unwrap();
        assert!(set.contains(SIGHUP) && set.contains(SIGINT) && set.contains(13));
        assert!(!set.contains(SIGTERM) && !set.contains(0) && !set.contains(65));
        assert!(parse_ignored("Name:\tx\n").is_none());
    }

    #[test]
    fn a_signal_counts_from_its_delivery_on() {
        let watch = Interrupts::watch().unwrap();
        let hold = watch.hold();
        // It returns when the handler has.
        signal_hook::low_level::raise(SIGHUP).unwrap();
        assert_eq!(watch.pending(), Some(SIGHUP));
        // Dropping it would end the test.
        std::mem::forget(hold);
    }

    #[test]
    fn a_signal_waits_while_it_is_held() {
        let watch = Interrupts {
            holds: Arc::default(),
            delivered: Arc::default(),
        };
        let hold = watch.hold();
        watch.arrived(SIGTERM);
        watch.arrived(SIGINT);
        assert_eq!(watch.pending(), Some(SIGTERM), "the first one counts");
        // Dropping it would end the test.
        std::mem::forget(hold);
    }
}
