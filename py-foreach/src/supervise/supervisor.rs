//! The supervisor of one job: starts the command, reaps its whole tree, and ends the tree when told to.
//!
//! As long as there is a child there may be a tree. Once wait(2) says that there is none, nothing is left, because
//! every orphan of the tree becomes a child of its subreaper. So an undisturbed job costs no look at /proc.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use common::error::{eprint_line, plain};
use common::exit;
use common::interrupt::ignored_signals;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{self as nix_signal, SigSet};
use nix::sys::time::TimeValLike;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, set_child_subreaper, wait};
use signal_hook::consts::SIGCHLD;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use super::command::JobCommand;
use super::message::{Daemon, JobEvent, Order, Usage};
use super::tree::{Identity, Processes};
use crate::TOOL;

/// The signals that a supervisor survives.
///
/// A py-foreach above us, or anybody who signals a whole tree, signals us too: then we end our tree. USR1 asks
/// every py-foreach for its status, and only the one above answers.
pub(super) const HANDLED: [nix_signal::Signal; 5] = [
    nix_signal::SIGTERM,
    nix_signal::SIGINT,
    nix_signal::SIGHUP,
    nix_signal::SIGQUIT,
    nix_signal::SIGUSR1,
];

/// How long a process that is just ending may take before it counts as a daemon.
const STRAGGLERS: Duration = Duration::from_millis(100);

/// How long KILL may take, and how often the tree is looked at before we give up: a process that is killed late may
/// have forked, and on a busy machine a look is long.
const KILLED: Duration = Duration::from_secs(5);
const LOOKS: u32 = 3;

/// The longest grace when py-foreach is dead.
const ALONE: Duration = Duration::from_secs(10);

/// How often a tree that is being ended is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Runs the supervisor with its words: the grace in milliseconds, the program, and its argv.
///
/// Its stdin is the socket to py-foreach, its stdout and stderr are the job's output. The status is that of the
/// supervisor itself; the job's goes up the socket.
pub(crate) fn run(words: impl Iterator<Item = OsString>) -> u8 {
    let read = read(words).ok_or_else(|| io::Error::other("only py-foreach starts it"));
    let run = read
        .and_then(|(grace, command)| Supervised::start(grace, &command))
        .and_then(Supervised::run);
    match run {
        Ok(()) => exit::DONE,
        Err(cause) => {
            // It goes to the job's log.
            eprint_line(&format!("{TOOL}: supervise: {}", plain(&cause)));
            exit::FOREACH_FAILED
        }
    }
}

fn read(mut words: impl Iterator<Item = OsString>) -> Option<(Duration, JobCommand)> {
    let grace = words.next()?.to_str()?.parse().ok()?;
    let command = JobCommand {
        program: words.next()?,
        name: words.next()?,
        arguments: words.collect(),
    };
    Some((Duration::from_millis(grace), command))
}

/// A job under supervision.
struct Supervised {
    /// The socket to py-foreach; `None` once py-foreach is dead.
    socket: Option<UnixStream>,
    signals: SignalDelivery<UnixStream, SignalOnly>,
    grace: Duration,
    /// The command itself, until it has ended.
    command: Option<Pid>,
    ending: Option<TreeEnding>,
    /// When py-foreach said that the output is complete.
    finished: Option<Instant>,
}

/// The tree is being ended.
struct TreeEnding {
    kill_at: Instant,
    /// The signal that processes get now.
    by: Signal,
    /// The processes that have got a signal, and which: none gets the same one twice, though the order may come from
    /// py-foreach and from elsewhere, and new ones get it too.
    signalled: HashSet<(Identity, i32)>,
    /// When KILL was sent first, and how often.
    killed: Option<(Instant, u32)>,
}

impl Supervised {
    fn start(grace: Duration, command: &JobCommand) -> io::Result<Self> {
        // A session of its own has no terminal: opening /dev/tty fails there instead of stopping the job.
        rustix::process::setsid()?;
        set_child_subreaper(Pid::from_raw(1))?;
        let signals = handle_signals()?;
        // `pkill py-foreach` finds us from here on.
        let _name = rustix::thread::set_name(c"py-foreach");
        let engine = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let null = File::options().read(true).write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        rustix::stdio::dup2_stdout(&null)?;
        rustix::stdio::dup2_stderr(&null)?;
        let mut supervised = Self {
            socket: Some(engine),
            signals,
            grace,
            command: None,
            ending: None,
            finished: None,
        };
        match command.start(output) {
            Ok(pid) => supervised.command = Some(pid),
            Err(status) => supervised.report(&JobEvent::Exited(status)),
        }
        Ok(supervised)
    }

    fn run(mut self) -> io::Result<()> {
        while self.reap()? == Children::Some {
            self.continue_ending();
            if self.has_given_up() {
                for daemon in daemons() {
                    self.report(&JobEvent::Left(daemon));
                }
                break;
            }
            self.wait()?;
        }
        self.report(&JobEvent::Done(usage()));
        Ok(())
    }

    /// Whether what is left is to be named and left: daemons, and what even KILL does not end because we may not
    /// signal it.
    fn has_given_up(&self) -> bool {
        match &self.ending {
            Some(ending) => ending
                .killed
                .is_some_and(|(since, looks)| since.elapsed() >= KILLED && looks >= LOOKS),
            None => self
                .finished
                .is_some_and(|since| since.elapsed() >= STRAGGLERS),
        }
    }

    /// py-foreach is dead: nothing may outlive it.
    fn abandoned(&mut self) {
        self.socket = None;
        self.finished = None;
        self.end(Signal::TERM);
    }

    /// Takes the status of each child that ended.
    fn reap(&mut self) -> io::Result<Children> {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if Some(pid) == self.command => {
                    self.command = None;
                    self.report(&JobEvent::Exited(ExitStatus::from_raw(status.as_raw())));
                }
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return Ok(Children::Some),
                Err(rustix::io::Errno::CHILD) => return Ok(Children::None),
                Err(cause) => return Err(cause.into()),
            }
        }
    }

    /// Does the next step of an ending, if there is one to do.
    fn continue_ending(&mut self) {
        let Some(ending) = &mut self.ending else {
            return;
        };
        if Instant::now() >= ending.kill_at {
            signal_tree(Signal::KILL);
            ending.killed.get_or_insert((Instant::now(), 0)).1 += 1;
            return;
        }
        if self.command.is_none() {
            // The command obeyed; what it left behind may not know the first signal.
            ending.by = Signal::TERM;
        }
        ending.signal_new_processes();
    }

    /// Waits for the end of a child, for an order, or for the time of the next step.
    fn wait(&mut self) -> io::Result<()> {
        let is_timed = self.ending.is_some() || self.finished.is_some();
        let limit = Timespec::try_from(LOOK_AGAIN).ok().filter(|_| is_timed);
        let is_ordered = {
            let mut fds = vec![PollFd::new(self.signals.get_read(), PollFlags::IN)];
            fds.extend(
                self.socket
                    .as_ref()
                    .map(|engine| PollFd::new(engine, PollFlags::IN)),
            );
            match poll(&mut fds, limit.as_ref()) {
                Ok(_) => fds
                    .get(1)
                    .is_some_and(|engine| !engine.revents().is_empty()),
                Err(rustix::io::Errno::INTR) => false,
                Err(cause) => return Err(cause.into()),
            }
        };
        let came: Vec<i32> = self.signals.pending().collect();
        for signal in came {
            match Signal::from_named_raw(signal) {
                Some(Signal::CHILD | Signal::USR1) | None => {}
                Some(signal) => self.end(signal),
            }
        }
        if is_ordered {
            self.obey();
        }
        Ok(())
    }

    fn obey(&mut self) {
        let mut bytes = [0; 2];
        let read = self.socket.as_ref().map(|mut e| e.read_exact(&mut bytes));
        if !matches!(read, Some(Ok(()))) {
            return self.abandoned();
        }
        match Order::decode(bytes) {
            Some(Order::Forward(signal)) => signal_tree(signal),
            Some(Order::End(signal)) => self.end(signal),
            Some(Order::Finish) => self.finished = self.finished.or(Some(Instant::now())),
            None => {}
        }
    }

    fn end(&mut self, signal: Signal) {
        let grace = match &self.socket {
            _ if signal == Signal::KILL => Duration::ZERO,
            Some(_) => self.grace,
            // Nobody waits for us any more.
            None => self.grace.min(ALONE),
        };
        let kill_at = Instant::now() + grace;
        let ending = self.ending.get_or_insert_with(|| TreeEnding {
            kill_at,
            by: signal,
            signalled: HashSet::new(),
            killed: None,
        });
        ending.kill_at = ending.kill_at.min(kill_at);
        ending.by = signal;
        ending.signal_new_processes();
        // A stopped process gets no signal but KILL until it goes on.
        signal_tree(Signal::CONT);
    }

    fn report(&mut self, event: &JobEvent) {
        let Some(mut engine) = self.socket.as_ref() else {
            return;
        };
        if engine.write_all(event.encode().as_bytes()).is_err() {
            self.abandoned();
        }
    }
}

impl TreeEnding {
    /// Signals the processes that have not got the signal yet.
    fn signal_new_processes(&mut self) {
        let (by, signalled) = (self.by, &mut self.signalled);
        for process in living_tree() {
            if signalled.insert((process.identity(), by.as_raw())) {
                process.signal(by);
            }
        }
    }
}

/// Sets the handlers, of which each writes to a pipe, and lets the signals come. A signal that was ignored stays so:
/// the command inherits that.
fn handle_signals() -> io::Result<SignalDelivery<UnixStream, SignalOnly>> {
    let ignored = ignored_signals().map_err(io::Error::other)?;
    let signals = HANDLED.map(|signal| signal as i32);
    let signals = signals.into_iter().filter(|s| !ignored.contains(*s));
    let (woken, waker) = UnixStream::pair()?;
    let delivery = SignalDelivery::with_pipe(woken, waker, SignalOnly, signals.chain([SIGCHLD]))?;
    HANDLED.into_iter().collect::<SigSet>().thread_unblock()?;
    Ok(delivery)
}

#[derive(Debug, PartialEq, Eq)]
enum Children {
    Some,
    None,
}

/// All processes that live below this one.
fn living_tree() -> Vec<super::tree::Process> {
    let me = rustix::process::getpid().as_raw_nonzero().get();
    let mut tree = Processes::now().below(me);
    tree.retain(|process| !process.zombie);
    tree
}

fn signal_tree(signal: Signal) {
    for process in living_tree() {
        process.signal(signal);
    }
}

fn daemons() -> Vec<Daemon> {
    let left = living_tree().into_iter();
    left.map(|process| Daemon {
        pid: process.pid,
        name: process.name,
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
