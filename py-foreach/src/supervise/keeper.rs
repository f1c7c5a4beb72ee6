//! Inside a supervisor: starts the command, reaps its whole tree, ends it when told to.
//!
//! As long as there is a child there may be a tree; once wait(2) says that there is none, nothing is
//! left, because every orphan of the tree becomes a child of its subreaper. So an undisturbed job
//! costs no look at /proc.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::error::plain;
use common::interrupt::ignored_signals;
use common::{exit, show};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, set_child_subreaper, wait};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::tree::{Identity, Processes};
use super::word::{Daemon, Exit, Order, Usage, Word};
use crate::TOOL;

/// How long a process that is just ending may take before it is called a daemon.
const STRAGGLERS: Duration = Duration::from_millis(100);

/// How long KILL may take.
const KILLED: Duration = Duration::from_secs(5);

/// The longest grace when the engine is dead.
const ALONE: Duration = Duration::from_secs(10);

/// How often a tree that is being ended is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Runs the command that `words` say: the grace in milliseconds, the program, its argv.
///
/// The status is that of the supervisor itself; the job's goes up the socket.
pub(crate) fn keep(words: impl Iterator<Item = OsString>) -> u8 {
    match Keeper::start(words) {
        Ok(keeper) => {
            // Where the engine is gone there is nobody to be told.
            let _gone = keeper.run();
            exit::DONE
        }
        Err(cause) => {
            common::error::eprint_line(&format!("{TOOL}: supervise: {}", plain(&cause)));
            exit::FOREACH_FAILED
        }
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
    /// When the engine said that the output is complete.
    finished: Option<Instant>,
}

/// The tree is being ended.
struct Ending {
    kill_at: Instant,
    /// The processes that have been told to end; what is forked meanwhile has not.
    told: HashSet<Identity>,
    /// The signal that they were told by.
    by: Signal,
}

impl Ending {
    /// Tells those that do not know yet.
    fn tell(&mut self) {
        for process in Processes::now().below(me()) {
            if !process.zombie && self.told.insert(process.identity()) {
                process.signal(self.by);
            }
        }
    }
}

impl Keeper {
    fn start(mut words: impl Iterator<Item = OsString>) -> io::Result<Self> {
        let missing = || io::Error::other("started by hand");
        let grace = words.next().and_then(|w| w.to_str()?.parse().ok());
        let grace = Duration::from_millis(grace.ok_or_else(missing)?);
        let program = words.next().ok_or_else(missing)?;
        let argv: Vec<OsString> = words.collect();

        let _name = rustix::thread::set_name(c"py-foreach");
        // A session of its own has no terminal: who opens /dev/tty is told so instead of being stopped.
        rustix::process::setsid()?;
        set_child_subreaper(Pid::from_raw(1))?;
        let engine = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let (woken, waker) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let signal = heed_signals(&waker)?;
        signal_hook::low_level::pipe::register(SIGCHLD, waker)?;
        let mut keeper = Self {
            engine: Some(engine),
            woken,
            signal,
            grace,
            command: None,
            ending: None,
            finished: None,
        };
        keeper.command = match spawn(&program, &argv) {
            Ok(pid) => Some(pid),
            Err(cause) => {
                let name = show::name(argv.first().map_or(&*program, |w| w));
                let line = format!("{TOOL}: run {name}: {}\n", plain(&cause));
                io::stderr().write_all(line.as_bytes())?;
                keeper.say(&Word::Exited(Exit::Status(cannot_run(&cause))));
                None
            }
        };
        close_output()?;
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
            Some(ending) => Instant::now() >= ending.kill_at + KILLED,
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
            return;
        }
        if self.command.is_none() && ending.by != Signal::TERM {
            // The command obeyed; what it left behind may not know the first signal.
            ending.by = Signal::TERM;
            ending.told.clear();
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
        let before = self.ending.as_ref().map(|ending| ending.kill_at);
        let mut ending = Ending {
            kill_at: before.map_or(kill_at, |before| before.min(kill_at)),
            told: HashSet::new(),
            by: signal,
        };
        ending.tell();
        // One that is stopped hears nothing but KILL until it goes on.
        signal_tree(Signal::CONT);
        self.ending = Some(ending);
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

/// Who signals a whole tree, a py-foreach above us for one, signals us too. It is our tree that is to
/// end; we see it off. What is ignored is left alone, because the command would inherit our handler's
/// absence.
fn heed_signals(waker: &UnixStream) -> io::Result<Arc<AtomicUsize>> {
    let ignored = ignored_signals().map_err(io::Error::other)?;
    let came = Arc::new(AtomicUsize::new(0));
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] {
        if !ignored.contains(signal) {
            let number = usize::try_from(signal).unwrap_or(0);
            signal_hook::flag::register_usize(signal, Arc::clone(&came), number)?;
            signal_hook::low_level::pipe::register(signal, waker.try_clone()?)?;
        }
    }
    Ok(came)
}

#[derive(Debug, PartialEq, Eq)]
enum Children {
    Some,
    None,
}

/// Starts the command in a process group of its own, with nothing to read.
fn spawn(program: &OsStr, argv: &[OsString]) -> io::Result<Pid> {
    let command = |program: &OsStr| {
        let mut command = Command::new(program);
        command.process_group(0).stdin(Stdio::null());
        command
    };
    let (zeroth, rest) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let started = command(program).arg0(zeroth).args(rest).spawn();
    let child = match started {
        // A script without an interpreter line is the shell's, as execvp(3) has it.
        Err(cause) if cause.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            command("/bin/sh".as_ref())
                .arg(program)
                .args(rest)
                .spawn()?
        }
        started => started?,
    };
    Ok(Pid::from_child(&child))
}

/// As env(1) has it.
fn cannot_run(cause: &io::Error) -> u8 {
    match cause.kind() {
        io::ErrorKind::NotFound => exit::NOT_FOUND,
        _ => exit::CANNOT_RUN,
    }
}

/// Gives the job's pipe up, so that its end is the end of the job's own writers.
fn close_output() -> io::Result<()> {
    let null: OwnedFd = std::fs::File::options()
        .write(true)
        .open("/dev/null")?
        .into();
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

fn me() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

fn signal_tree(signal: Signal) {
    for process in Processes::now().below(me()) {
        if !process.zombie {
            process.signal(signal);
        }
    }
}

fn daemons() -> Vec<Daemon> {
    let all = Processes::now();
    let left = all.below(me()).into_iter().filter(|p| !p.zombie);
    left.map(|process| Daemon {
        pid: process.pid,
        name: process.name.clone(),
    })
    .collect()
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
