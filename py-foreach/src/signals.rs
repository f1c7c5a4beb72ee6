//! The signals to py-foreach itself, as events for the engine.

use std::thread;

use common::interrupt::ignored_signals;
use common::{Error, Result};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1};
use signal_hook::iterator::Signals;

/// What is handed on to the jobs, and what asks for the status.
const HEEDED: [i32; 7] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGUSR1];

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// End everything, then die by this signal.
    End(i32),
    /// Stop with the jobs.
    Stop,
    /// Go on with the jobs.
    Continue,
    /// Tell who runs.
    Status,
}

fn ask(signal: i32) -> Ask {
    match signal {
        SIGTSTP => Ask::Stop,
        SIGCONT => Ask::Continue,
        SIGUSR1 => Ask::Status,
        signal => Ask::End(signal),
    }
}

/// Hands each signal that comes from now on to `tell`, in a thread of its own. What was ignored when
/// we started stays ignored.
pub(crate) fn watch(tell: impl Fn(Ask) + Send + 'static) -> Result<()> {
    let ignored = ignored_signals()?;
    let heeded = HEEDED.into_iter().filter(|s| !ignored.contains(*s));
    let mut signals = Signals::new(heeded).map_err(|c| Error::io("watch", "signals", c))?;
    let watcher = thread::Builder::new().name("signals".to_owned());
    let started = watcher.spawn(move || signals.forever().for_each(|signal| tell(ask(signal))));
    started
        .map(drop)
        .map_err(|c| Error::io("start", "thread", c))
}
