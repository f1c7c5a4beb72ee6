//! The signals to py-foreach itself, as events for the engine.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use common::interrupt::{die_by, ignored_signals, outlive_file_limit};
use common::{Error, Result};
use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1};
use signal_hook::flag::register_usize;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::ask::Probes;
use crate::output::Hush;
use crate::remove;

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

/// Undoes what our parent may have done to the signals that we cannot do without: SIGCHLD ignored hides
/// the status of every child, and a blocked signal never comes.
pub(crate) fn put_in_order() -> Result<()> {
    let failed = |cause| Error::io("watch", "signals", cause);
    // A handler does away with an ignored SIGCHLD, here and in what we execute.
    signal_hook::flag::register(SIGCHLD, Arc::default()).map_err(failed)?;
    outlive_file_limit(ignored_signals()?)?;
    let mut needed = SigSet::empty();
    for signal in [
        Signal::SIGCHLD,
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
    ] {
        needed.add(signal);
    }
    for signal in [
        Signal::SIGQUIT,
        Signal::SIGTSTP,
        Signal::SIGCONT,
        Signal::SIGUSR1,
    ] {
        needed.add(signal);
    }
    needed
        .thread_unblock()
        .map_err(|cause| failed(cause.into()))
}

fn ask(signal: i32) -> Ask {
    match signal {
        SIGTSTP => Ask::Stop,
        SIGCONT => Ask::Continue,
        SIGUSR1 => Ask::Status,
        signal => Ask::End(signal),
    }
}

/// The watch over the signals.
///
/// While the engine runs, signals are its events, and one that ends us ends all waiting for our readers at
/// once ([`Hush`]): whoever does not read keeps nobody. Before and after, one that ends us does so at once,
/// whatever waits for whom; only the interpreters that are asked end first, and the run's directory goes.
/// A step that makes something in that directory is whole before ([`Watch::step`]).
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    state: Arc<Mutex<State>>,
    hush: Arc<Hush>,
    stops: Stops,
}

/// Which of TSTP and CONT came last. They are heeded later, and not in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stops(Arc<AtomicUsize>);

#[derive(Debug, Default)]
struct State {
    handed_over: bool,
    probes: Probes,
    /// What is to be removed before a signal ends us.
    temporary: Vec<PathBuf>,
}

/// While it lives, the engine heeds the signals.
#[derive(Debug)]
pub(crate) struct HandedOver(Watch);

impl Watch {
    /// Does a step that no signal may come into the middle of, and that waits for nobody. `step` is given
    /// what is to be removed before a signal ends us.
    ///
    /// Where a signal is ending us already the step is not done, and this does not return.
    pub(crate) fn step<T>(&self, step: impl FnOnce(&mut Vec<PathBuf>) -> T) -> T {
        step(&mut self.lock().temporary)
    }

    /// From here on the engine heeds the signals.
    #[must_use]
    pub(crate) fn hand_over(&self) -> HandedOver {
        self.lock().handed_over = true;
        HandedOver(self.clone())
    }

    /// What ends the waiting for our readers when a signal comes that the engine heeds.
    pub(crate) fn hush(&self) -> &Arc<Hush> {
        &self.hush
    }

    /// What stops us.
    pub(crate) fn stops(&self) -> &Stops {
        &self.stops
    }

    /// The interpreters that are being asked: a signal ends them with us.
    pub(crate) fn probes(&self) -> Probes {
        self.lock().probes.clone()
    }

    /// Heeds what was told to an engine that no longer listens.
    pub(crate) fn heed(&self, ask: Ask) {
        self.arrived(ask, &drop);
    }

    fn arrived(&self, ask: Ask, tell: &impl Fn(Ask)) {
        let state = self.lock();
        match ask {
            Ask::End(signal) if !state.handed_over => {
                let _ended = state.probes.end_all();
                for path in &state.temporary {
                    // What cannot be removed now has nobody left to be told.
                    drop(remove::tree(path));
                }
                // The lock is never given back: who waits for it makes nothing more and says nothing.
                die_by(signal);
            }
            Ask::Stop if !state.handed_over => {
                drop(state);
                self.stops.stop();
            }
            ask => {
                if matches!(ask, Ask::End(_)) {
                    self.hush.ask();
                }
                tell(ask);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is whole in itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stops {
    /// Whether a CONT has come since the last TSTP.
    pub(crate) fn are_over(&self) -> bool {
        self.0.load(Ordering::SeqCst) == number(SIGCONT)
    }

    /// Stops the whole process, unless that is over, and returns when it goes on.
    pub(crate) fn stop(&self) {
        if !self.are_over() {
            let _stopped = emulate_default_handler(SIGTSTP);
        }
    }

    /// Notes each of `signals` that is one of the two from here on.
    fn note(&self, signals: impl Iterator<Item = i32>) -> io::Result<()> {
        for signal in signals.filter(|signal| [SIGTSTP, SIGCONT].contains(signal)) {
            register_usize(signal, Arc::clone(&self.0), number(signal))?;
        }
        Ok(())
    }
}

fn number(signal: i32) -> usize {
    usize::try_from(signal).unwrap_or(0)
}

impl Drop for HandedOver {
    fn drop(&mut self) {
        self.0.lock().handed_over = false;
    }
}

/// Hands each signal that comes from now on to `tell`, in a thread of its own. What was ignored when
/// we started stays ignored.
pub(crate) fn watch(tell: impl Fn(Ask) + Send + 'static) -> Result<Watch> {
    let ignored = ignored_signals()?;
    let heeded = HEEDED.into_iter().filter(|s| !ignored.contains(*s));
    let failed = |cause| Error::io("watch", "signals", cause);
    let stops = Stops::default();
    // Before what wakes the thread: it is to know which came last.
    stops.note(heeded.clone()).map_err(failed)?;
    let mut signals = Signals::new(heeded).map_err(failed)?;
    let watch = Watch {
        state: Arc::default(),
        hush: Hush::new()?,
        stops,
    };
    let watched = watch.clone();
    let builder = thread::Builder::new().name("signals".to_owned());
    let arrived = move |signal| watched.arrived(ask(signal), &tell);
    let started = builder.spawn(move || signals.forever().for_each(arrived));
    started.map_err(|c| Error::io("start", "thread", c))?;
    Ok(watch)
}
