//! Inside a supervisor: starts the command, reaps its whole tree, ends it when told to.
//!
//! As long as there is a child there may be a tree; once wait(2) says that there is none, nothing is
//! left, because every orphan of the tree becomes a child of its subreaper. So an undisturbed job
//! costs no look at /proc.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::exit;
use common::interrupt::ignored_signals;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, set_child_subreaper, wait};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1};

use super::command;
use super::ending::{Ending, daemons, signal_tree};
use super::request::Request;
use super::word::{Exit, Order, Usage, Word};

/// How long a process that is just ending may take before it is called a daemon.
const STRAGGLERS: Duration = Duration::from_millis(100);

/// How long KILL may take, and the looks that it takes at least: who is killed late may have forked, and on
/// a machine that is very busy a look is long.
const KILLED: Duration = Duration::from_secs(5);
const LOOKS: u32 = 3;

/// The longest grace when the engine is dead.
const ALONE: Duration = Duration::from_secs(10);

/// How often a tree that is being ended is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Supervises the command of `request`, which writes to `output`, for the engine at the other end of
/// `engine`.
///
/// The status is that of the supervisor itself; the job's goes up the socket.
pub(super) fn keep(request: Request, engine: UnixStream, output: OwnedFd, heeded: &Heeded) -> u8 {
    let started = Keeper::start(&request, engine, output, heeded);
    // It may be large, and the job may be long.
    drop(request);
    match started {
        Ok(keeper) => {
            // Where the engine is gone there is nobody to be told.
            let _gone = keeper.run();
            exit::DONE
        }
        // The engine hears that the socket closes without a last word.
        Err(_) => exit::FOREACH_FAILED,
    }
}

struct Keeper {
    /// The engine; nothing once it is dead.
    engine: Option<UnixStream>,
    /// Something to read when a child ended or a signal came.
    woken: UnixStream,
    /// The signal that somebody sent to us; 0 for none.
    signal: Arc<AtomicUsize>,
    grace: Duration,
    command: Option<Pid>,
    ending: Option<Ending>,
    /// When all that were seen had been killed for the first time, and how often that was done.
    killed: Option<(Instant, u32)>,
    /// When the engine said that the output is complete.
    finished: Option<Instant>,
}

impl Keeper {
    fn start(
        request: &Request,
        engine: UnixStream,
        output: OwnedFd,
        heeded: &Heeded,
    ) -> io::Result<Self> {
        // A session of its own has no terminal: who opens /dev/tty is told so instead of being stopped.
        rustix::process::setsid()?;
        set_child_subreaper(Pid::from_raw(1))?;
        let (woken, waker) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let signal = heeded.heed(&waker)?;
        signal_hook::low_level::pipe::register(SIGCHLD, waker)?;
        let mut keeper = Self {
            engine: Some(engine),
            woken,
            signal,
            grace: request.grace,
            command: None,
            ending: None,
            killed: None,
            finished: None,
        };
        match command::start(&request.launch, output) {
            Ok(pid) => keeper.command = Some(pid),
            Err(exit) => keeper.say(&Word::Exited(exit)),
        }
        Ok(keeper)
    }

    fn run(mut self) -> io::Result<()> {
        while self.reap()? == Children::Some {
            self.press_on();
            if self.is_patience_over() {
                for daemon in daemons() {
                    self.say(&Word::Left(daemon));
                }
                break;
            }
            self.wait()?;
        }
        let usage = usage();
        self.say(&Word::Done(usage));
        if let Some(engine) = &self.engine {
            engine.shutdown(Shutdown::Both)?;
        }
        Ok(())
    }

    /// Whether what is left is to be named and left: daemons, and what even KILL does not reach because
    /// we may not signal it.
    fn is_patience_over(&self) -> bool {
        match &self.ending {
            Some(_) => self
                .killed
                .is_some_and(|(since, looks)| since.elapsed() >= KILLED && looks >= LOOKS),
            None => self
                .finished
                .is_some_and(|since| since.elapsed() >= STRAGGLERS),
        }
    }

    /// The engine is dead: nobody is to outlive it.
    fn abandoned(&mut self) {
        self.engine = None;
        self.finished = None;
        self.end(Signal::TERM);
    }

    /// Takes the status of each child that ended.
    fn reap(&mut self) -> io::Result<Children> {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if Some(pid) == self.command => {
                    let signal = status.terminating_signal();
                    let code = status.exit_status().and_then(|s| u8::try_from(s).ok());
                    let exit = match signal {
                        Some(signal) => Exit::Signal(signal),
                        None => Exit::Status(code.unwrap_or(u8::MAX)),
                    };
                    self.command = None;
                    self.say(&Word::Exited(exit));
                }
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return Ok(Children::Some),
                Err(rustix::io::Errno::CHILD) => return Ok(Children::None),
                Err(cause) => return Err(cause.into()),
            }
        }
    }

    /// Does the next step of an ending, if there is one to do.
    fn press_on(&mut self) {
        let Some(ending) = &mut self.ending else {
            return;
        };
        if Instant::now() >= ending.kill_at {
            signal_tree(Signal::KILL);
            let (_, looks) = self.killed.get_or_insert_with(|| (Instant::now(), 0));
            *looks += 1;
            return;
        }
        if self.command.is_none() {
            // The command obeyed; what it left behind may not know the first signal.
            ending.by = Signal::TERM;
        }
        ending.tell();
    }

    /// Waits for the end of a child, for an order, or for the time of the next step.
    fn wait(&mut self) -> io::Result<()> {
        let next = match (&self.ending, self.finished) {
            (None, None) => None,
            _ => Some(LOOK_AGAIN),
        };
        let next = next.and_then(|time| Timespec::try_from(time).ok());
        let mut ready = [PollFlags::empty(); 2];
        {
            let mut fds = vec![PollFd::new(&self.woken, PollFlags::IN)];
            if let Some(engine) = &self.engine {
                fds.push(PollFd::new(engine, PollFlags::IN));
            }
            match poll(&mut fds, next.as_ref()) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => return Ok(()),
                Err(cause) => return Err(cause.into()),
            }
            for (ready, fd) in ready.iter_mut().zip(&fds) {
                *ready = fd.revents();
            }
        }
        if !ready[0].is_empty() {
            // Only that there was something counts.
            let _drained = (&self.woken).read(&mut [0; 64]);
            let signal = i32::try_from(self.signal.swap(0, Ordering::Relaxed)).unwrap_or(0);
            if let Some(signal) = Signal::from_named_raw(signal) {
                self.end(signal);
            }
        }
        if !ready[1].is_empty() {
            self.obey();
        }
        Ok(())
    }

    fn obey(&mut self) {
        let mut bytes = [0; 2];
        let read = self.engine.as_ref().map(|mut e| e.read_exact(&mut bytes));
        match read {
            Some(Ok(())) => match Order::decode(bytes) {
                Some(Order::Forward(signal)) => {
                    if let Some(signal) = Signal::from_named_raw(signal) {
                        signal_tree(signal);
                    }
                }
                Some(Order::End(signal)) => {
                    self.end(Signal::from_named_raw(signal).unwrap_or(Signal::TERM));
                }
                Some(Order::Kill) => {
                    self.end(Signal::KILL);
                }
                Some(Order::Finish) => {
                    self.finished.get_or_insert_with(Instant::now);
                }
                None => {}
            },
            _ => self.abandoned(),
        }
    }

    fn end(&mut self, signal: Signal) {
        let grace = match &self.engine {
            _ if signal == Signal::KILL => Duration::ZERO,
            Some(_) => self.grace,
            // Nobody waits for us any more.
            None => self.grace.min(ALONE),
        };
        let kill_at = Instant::now() + grace;
        let ending = self.ending.get_or_insert_with(|| Ending {
            kill_at,
            told: HashSet::new(),
            by: signal,
        });
        ending.kill_at = ending.kill_at.min(kill_at);
        ending.by = signal;
        ending.tell();
        // One that is stopped hears nothing but KILL until it goes on.
        signal_tree(Signal::CONT);
    }

    fn say(&mut self, word: &Word) {
        let said = match self.engine.as_ref() {
            Some(mut engine) => engine.write_all(&word.encode()),
            None => return,
        };
        if said.is_err() {
            self.abandoned();
        }
    }
}

/// The signals that end us if nobody heeds them.
///
/// Who signals a whole tree, a py-foreach above us for one, signals us too. It is our tree that is to end;
/// we see it off. Who asks every py-foreach for its status by USR1 asks us too, and it is the engine that
/// answers. What is ignored is left alone, because the command would inherit our handler's absence.
#[derive(Debug)]
pub(super) struct Heeded(Vec<i32>);

impl Heeded {
    /// Those that are not ignored.
    pub(super) fn read() -> io::Result<Self> {
        let ignored = ignored_signals().map_err(io::Error::other)?;
        let all = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1];
        Ok(Self(
            all.into_iter()
                .filter(|signal| !ignored.contains(*signal))
                .collect(),
        ))
    }

    /// From here on none of them ends this process.
    pub(super) fn survive(&self) -> io::Result<()> {
        for &signal in &self.0 {
            signal_hook::flag::register(signal, Arc::default())?;
        }
        Ok(())
    }

    /// From here on each that ends us wakes whoever reads the other end of `waker`, and is in the number that
    /// is given.
    fn heed(&self, waker: &UnixStream) -> io::Result<Arc<AtomicUsize>> {
        let came = Arc::new(AtomicUsize::new(0));
        for &signal in self.0.iter().filter(|signal| **signal != SIGUSR1) {
            let number = usize::try_from(signal).unwrap_or(0);
            signal_hook::flag::register_usize(signal, Arc::clone(&came), number)?;
            signal_hook::low_level::pipe::register(signal, waker.try_clone()?)?;
        }
        Ok(came)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Children {
    Some,
    None,
}

fn usage() -> Usage {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else {
        return Usage::default();
    };
    let micros = |n: i64| Duration::from_micros(u64::try_from(n).unwrap_or(0));
    Usage {
        user: micros(usage.user_time().num_microseconds()),
        system: micros(usage.system_time().num_microseconds()),
        largest: u64::try_from(usage.max_rss()).unwrap_or(0) * 1024,
    }
}
