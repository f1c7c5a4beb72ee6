//! Asks a program something and reads its answer, for a limited time.
//!
//! The program runs in a process group of its own, which ends with the question, and with us ([`Probes`]): the
//! signals of a terminal do not reach it.

use std::collections::HashSet;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use common::lock;
use rustix::process::{Pid, Signal, kill_process_group};

/// The longest time that a program may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// The most that is read of an answer or a complaint, in bytes.
const LONGEST: u64 = 64 << 10;

/// The programs that are being asked, by their groups.
#[derive(Debug, Clone, Default)]
pub(crate) struct Probes(Arc<Mutex<HashSet<Pid>>>);

impl Probes {
    /// Ends all programs. While the value lives none starts, and nobody learns that one of them gave no answer.
    pub(crate) fn end_all(&self) -> MutexGuard<'_, HashSet<Pid>> {
        let groups = lock(&self.0);
        groups.iter().copied().for_each(end);
        groups
    }
}

/// Runs `command` to its end.
///
/// # Errors
/// It cannot be run, or it did not answer in time ([`io::ErrorKind::TimedOut`]).
pub(crate) fn ask(command: &mut Command, probes: &Probes) -> io::Result<Output> {
    let until = Instant::now() + LIMIT;
    let mut probe = Probe::start(command, probes)?;
    let stdout = probe.child.stdout.take().map(read).transpose()?;
    let stderr = probe.child.stderr.take().map(read).transpose()?;
    let whole = |stream: Option<Receiver<Vec<u8>>>| {
        let left = until.saturating_duration_since(Instant::now());
        stream
            .and_then(|stream| stream.recv_timeout(left).ok())
            .ok_or_else(late)
    };
    let (stdout, stderr) = (whole(stdout)?, whole(stderr)?);
    // Its streams are at their end: it is, too, in a moment.
    loop {
        match probe.child.try_wait()? {
            Some(status) => {
                return Ok(Output {
                    status,
                    stdout,
                    stderr,
                });
            }
            None if Instant::now() >= until => return Err(late()),
            None => thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn late() -> io::Error {
    let said = format!("did not answer within {} seconds", LIMIT.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, said)
}

/// Reads a stream in a thread of its own, which nobody joins: the stream may never end.
fn read(stream: impl Read + Send + 'static) -> io::Result<Receiver<Vec<u8>>> {
    let (send, answer) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        let mut text = Vec::new();
        // What cannot be read is no answer.
        let _read = stream.take(LONGEST).read_to_end(&mut text);
        drop(send.send(text));
    })?;
    Ok(answer)
}

/// A program that runs; its whole group ends with this value.
struct Probe {
    child: Child,
    probes: Probes,
}

impl Probe {
    fn start(command: &mut Command, probes: &Probes) -> io::Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut groups = lock(&probes.0);
        let child = command.spawn()?;
        groups.insert(Pid::from_child(&child));
        let probes = probes.clone();
        Ok(Self { child, probes })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let group = Pid::from_child(&self.child);
        // Before it is waited for: its number may then be somebody else's.
        lock(&self.probes.0).remove(&group);
        end(group);
        // The answer counts, and not the status.
        drop(self.child.wait());
    }
}

fn end(group: Pid) {
    // ESRCH means that all of it is gone.
    let _gone = kill_process_group(group, Signal::KILL);
}
