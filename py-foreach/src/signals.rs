//! The signals to py-foreach itself.
//!
//! While jobs run, signals are events for the engine. Before and after, a signal that ends us does so at once: it
//! ends the programs that are being asked, removes the run's directory, and kills us by that same signal. A step
//! that makes something in that directory is whole before ([`Watch::step`]).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use common::interrupt::{die_by, ignored_signals, outlive_file_limit};
use common::{Error, Result, lock};
use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGTSTP, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::ask::Probes;
use crate::remove;

/// The signals that mean something to us.
const HANDLED: [Signal; 7] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
    Signal::SIGCONT,
    Signal::SIGUSR1,
];

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// End everything, then die by this signal.
    End(i32),
    /// Stop with the jobs.
    Stop,
    /// Go on with the jobs.
    Continue,
    /// Report which jobs run.
    Status,
}

impl Ask {
    fn of(signal: i32) -> Self {
        match signal {
            SIGTSTP => Self::Stop,
            SIGCONT => Self::Continue,
            SIGUSR1 => Self::Status,
            signal => Self::End(signal),
        }
    }
}

/// The watch over the signals.
#[derive(Debug, Clone)]
pub(crate) struct Watch(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The engine handles the signals.
    handed_over: bool,
    probes: Probes,
    /// What is to be removed before a signal ends us.
    temporary: Vec<PathBuf>,
}

/// Hands each signal that comes from now on to `tell` while the engine runs, in a thread of its own. A signal that
/// was ignored when we started stays ignored.
pub(crate) fn watch(tell: impl Fn(Ask) + Send + 'static) -> Result<Watch> {
    let failed = |cause| Error::io("watch", "signals", cause);
    let ignored = ignored_signals()?;
    // Our parent may have ignored SIGCHLD, which hides the status of every child. A handler undoes that, here and in
    // what we execute.
    signal_hook::flag::register(SIGCHLD, Arc::default()).map_err(failed)?;
    outlive_file_limit(ignored)?;
    let handled = HANDLED.map(|signal| signal as i32);
    let handled = handled.into_iter().filter(|s| !ignored.contains(*s));
    let watch = Watch(Arc::default());
    let mut signals = Signals::new(handled).map_err(failed)?;
    // A blocked signal never comes.
    let needed: SigSet = HANDLED.into_iter().chain([Signal::SIGCHLD]).collect();
    needed
        .thread_unblock()
        .map_err(|cause| failed(cause.into()))?;
    let watched = watch.clone();
    let arrived = move |signal| watched.arrived(Ask::of(signal), &tell);
    let builder = thread::Builder::new().name("signals".to_owned());
    let started = builder.spawn(move || signals.forever().for_each(arrived));
    started.map_err(|cause| Error::io("start", "thread", cause))?;
    Ok(watch)
}

impl Watch {
    /// Does a step that waits for nobody, and that no signal may interrupt. `step` can change what is removed before a
    /// signal ends us.
    ///
    /// Where a signal is ending us already, the step is not done and this does not return.
    pub(crate) fn step<T>(&self, step: impl FnOnce(&mut Vec<PathBuf>) -> T) -> T {
        step(&mut self.lock().temporary)
    }

    /// Lets the engine handle the signals while the value lives.
    #[must_use]
    pub(crate) fn hand_over(&self) -> HandedOver<'_> {
        self.lock().handed_over = true;
        HandedOver(self)
    }

    /// The programs that are being asked: a signal ends them with us.
    pub(crate) fn probes(&self) -> Probes {
        self.lock().probes.clone()
    }

    /// Handles what was sent to an engine that no longer listens.
    pub(crate) fn handle(&self, ask: Ask) {
        self.arrived(ask, &drop);
    }

    fn arrived(&self, ask: Ask, tell: &impl Fn(Ask)) {
        let state = self.lock();
        match ask {
            ask if state.handed_over => tell(ask),
            Ask::End(signal) => {
                let _all_ended = state.probes.end_all();
                for path in &state.temporary {
                    // Nobody is left to be told that it cannot be removed.
                    drop(remove::tree(path));
                }
                // The locks are never given back: the other threads make nothing more and say nothing.
                die_by(signal);
            }
            Ask::Stop => {
                drop(state);
                stop();
            }
            ask => tell(ask),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

/// While it lives, the engine handles the signals.
#[derive(Debug)]
pub(crate) struct HandedOver<'a>(&'a Watch);

impl Drop for HandedOver<'_> {
    fn drop(&mut self) {
        self.0.lock().handed_over = false;
    }
}

/// Stops the whole process, and returns when it goes on.
pub(crate) fn stop() {
    let _stopped = emulate_default_handler(SIGTSTP);
}
