//! py-foreach's side of a supervisor: starts it, gives it orders, reads its events.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use common::{Error, Result};
use nix::sys::signal::{SigSet, SigmaskHow};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::process::{Pid, Signal, kill_process};

use super::ARGV0;
use super::message::{JobEvent, Order};
use super::supervisor::HANDLED;
use crate::job::Launch;

/// How much of a job's output may wait in its pipe, in bytes.
const PIPE: usize = 256 << 10;

/// A supervisor that runs.
#[derive(Debug)]
pub(crate) struct Supervisor {
    child: Child,
    socket: Arc<UnixStream>,
    /// The job's stdout and stderr.
    output: OwnedFd,
    /// The beginning of a line that has not come whole.
    partial: String,
}

/// Gives orders to a supervisor, from any thread.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    socket: Arc<UnixStream>,
    /// The supervisor: the root of the job's tree.
    pub(crate) pid: i32,
}

impl Orders {
    /// Sends an order. A supervisor that is gone needs none: its end shows where its events are read.
    pub(crate) fn give(&self, order: Order) {
        let _gone = (&*self.socket).write_all(&order.encode());
        // A stopped supervisor does not read orders, so continue it.
        let _gone = Pid::from_raw(self.pid).map(|pid| kill_process(pid, Signal::CONT));
    }
}

impl Supervisor {
    /// Starts `launch` below a supervisor of its own.
    ///
    /// The supervisor inherits the job's environment and directory, and hands them on.
    pub(crate) fn start(launch: &Launch, grace: Duration) -> Result<Self> {
        let failed = |cause: io::Error| Error::io("run", &launch.program, cause);
        let (output, write_end) = pipe_with(PipeFlags::CLOEXEC).map_err(|c| failed(c.into()))?;
        // A larger pipe saves wake-ups and nothing else.
        let _as_it_is = fcntl_setpipe_size(&output, PIPE);
        // The job can read its own output away between our poll and our read.
        fcntl_setfl(&output, OFlags::NONBLOCK).map_err(|c| failed(c.into()))?;
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0(ARGV0)
            .arg(grace.as_millis().to_string())
            .arg(&launch.program)
            .args(&launch.argv)
            .env_clear()
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .stdin(OwnedFd::from(theirs))
            .stdout(write_end.try_clone().map_err(failed)?)
            .stderr(write_end);
        if let Some(cwd) = &launch.cwd {
            command.current_dir(cwd);
        }
        Ok(Self {
            child: spawn_blocking_signals(&mut command).map_err(failed)?,
            socket: Arc::new(ours),
            output,
            partial: String::new(),
        })
    }

    /// A handle to give orders by.
    pub(crate) fn orders(&self) -> Orders {
        Orders {
            socket: Arc::clone(&self.socket),
            pid: i32::try_from(self.child.id()).unwrap_or(0),
        }
    }

    /// Where the job writes.
    pub(crate) fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// Where the events come: something to read means [`Self::events`].
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Reads the events that have come. `None` means that the supervisor is gone.
    pub(crate) fn events(&mut self) -> Option<Vec<JobEvent>> {
        let mut bytes = [0; 512];
        match (&*self.socket).read(&mut bytes) {
            Ok(0) => return None,
            Ok(n) => self.partial.push_str(&String::from_utf8_lossy(&bytes[..n])),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
        let whole = self.partial.rfind('\n').map_or(0, |end| end + 1);
        let lines: String = self.partial.drain(..whole).collect();
        Some(lines.lines().filter_map(JobEvent::decode).collect())
    }

    /// Waits for the end of the process, whose CPU times then count as our children's.
    pub(crate) fn wait(&mut self) {
        let _ended = self.child.wait();
    }
}

/// Starts a process in which the signals are blocked that the supervisor handles: until it has set its handlers,
/// none of them can end it.
fn spawn_blocking_signals(command: &mut Command) -> io::Result<Child> {
    let handled: SigSet = HANDLED.into_iter().collect();
    let before = handled.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let started = command.spawn();
    before.thread_set_mask()?;
    started
}
