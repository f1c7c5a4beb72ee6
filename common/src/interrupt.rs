//! INT, TERM and HUP: nothing is left half-made, and then the tool dies by that same signal.
//!
//! While nothing is at stake a signal ends the process at once, even one that waits for a lock or
//! reads a pipe. While a [`Hold`] lives, a signal is only noted: the work looks at
//! [`Interrupts::pending`] between its steps, gives up, undoes what it did, and drops the hold, which
//! dies by the signal. A signal that was ignored when we started stays ignored (`nohup`, `cmd &`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::{Error, Result, exit, procfs};

/// The signals that ask a tool to stop.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// The watch over the signals of this process.
#[derive(Debug, Clone)]
pub struct Interrupts {
    state: Arc<Mutex<State>>,
    /// The signal that came last, or 0. The handler writes it, so that a signal counts from its delivery on and
    /// not only when the thread that waits for it runs.
    delivered: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct State {
    holds: usize,
    pending: Option<i32>,
}

impl Interrupts {
    /// Starts to watch. One thread of the process waits for the signals from here on.
    pub fn watch() -> Result<Self> {
        let ignored = ignored_signals()?;
        outlive_file_limit(ignored)?;
        let watch = Self {
            state: Arc::default(),
            delivered: Arc::default(),
        };
        let heeded: Vec<_> = ENDING
            .into_iter()
            .filter(|s| !ignored.contains(*s))
            .collect();
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

    /// From here until the hold is dropped a signal is noted and does not end the process.
    #[must_use]
    pub fn hold(&self) -> Hold {
        self.lock().holds += 1;
        Hold(self.clone())
    }

    /// The signal that came while a hold lived.
    #[must_use]
    pub fn pending(&self) -> Option<i32> {
        self.noted(&mut self.lock())
    }

    fn noted(&self, state: &mut State) -> Option<i32> {
        let delivered = i32::try_from(self.delivered.load(Ordering::SeqCst)).unwrap_or(0);
        if state.pending.is_none() && delivered != 0 {
            state.pending = Some(delivered);
        }
        state.pending
    }

    fn arrived(&self, signal: i32) {
        let mut state = self.lock();
        if state.holds == 0 {
            die_by(signal);
        }
        state.pending.get_or_insert(signal);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is two plain values that are never half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it lives, signals wait.
#[derive(Debug)]
pub struct Hold(Interrupts);

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.holds -= 1;
        if let (0, Some(signal)) = (state.holds, self.0.noted(&mut state)) {
            die_by(signal);
        }
    }
}

/// From here on a write beyond the limit of file sizes (setrlimit(2), `ulimit -f`) fails with EFBIG, and is
/// undone like one to a full disk: SIGXFSZ would end us in the middle.
///
/// A handler does that and not an ignored signal, because what we execute inherits only the latter. `ignored`
/// are the signals that were ignored when we started; they stay so.
///
/// # Errors
/// The handler cannot be set.
pub fn outlive_file_limit(ignored: SignalSet) -> Result<()> {
    if !ignored.contains(SIGXFSZ) {
        flag::register(SIGXFSZ, Arc::default())
            .map_err(|cause| Error::io("watch", "signals", cause))?;
    }
    Ok(())
}

/// Ends this process by `signal`, so that whoever waits for it sees that signal.
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
            state: Arc::default(),
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
