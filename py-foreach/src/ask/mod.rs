//! Asks a program something and hears its answer, for a limited time.
//!
//! What is asked runs in a process group of its own, which ends with the question, and with us
//! ([`Probes`]).

mod probes;

pub(crate) use probes::Probes;

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use probes::Probe;

/// The longest time that a program may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// How the reason begins where the time was over.
pub(crate) const LATE: &str = "did not answer";

/// The most that is kept of an answer or a complaint, in bytes.
const LONGEST: usize = 64 * 1024;

/// Runs `command` to its end.
///
/// # Errors
/// It cannot be run, or the time is over ([`late`]).
pub(crate) fn ask(command: &mut Command, probes: &Probes) -> io::Result<Output> {
    let mut asked = Asked::start(command, probes)?;
    let (stdout, stderr) = asked.listen(|_| false)?;
    let status = asked.status().ok_or_else(late)?;
    Ok(Output {
        status,
        stdout,
        stderr,
    })
}

/// That the time was over.
pub(crate) fn late() -> io::Error {
    let said = format!("{LATE} within {} seconds", LIMIT.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, said)
}

/// A program that has been asked.
pub(crate) struct Asked {
    probe: Probe,
    until: Instant,
}

impl Asked {
    pub(crate) fn start(command: &mut Command, probes: &Probes) -> io::Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(Self {
            probe: probes.start(command)?,
            until: Instant::now() + LIMIT,
        })
    }

    /// Reads both streams until they are closed, what was said is `whole`, or the time is over.
    pub(crate) fn listen(
        &mut self,
        whole: impl Fn(&[u8]) -> bool,
    ) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let mut out = self.probe.child.stdout.take();
        let mut err = self.probe.child.stderr.take();
        let (mut said, mut complaint) = (Vec::new(), Vec::new());
        while out.is_some() || err.is_some() {
            let (out_ready, err_ready) = self.wait_for(out.as_ref(), err.as_ref())?;
            // Who never stops talking is no less late.
            if (!out_ready && !err_ready) || self.is_late() {
                break;
            }
            if out_ready {
                read_some(&mut out, &mut said)?;
            }
            if err_ready {
                read_some(&mut err, &mut complaint)?;
            }
            if whole(&said) || said.len() > LONGEST {
                break;
            }
        }
        Ok((said, complaint))
    }

    /// Whether the time is over.
    pub(crate) fn is_late(&self) -> bool {
        Instant::now() >= self.until
    }

    /// How it ended; nothing where it does not within the time.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        match pidfd_open(self.probe.group, PidfdFlags::empty()) {
            // A failure here is a time that is over: the child is killed and waited for all the same.
            Ok(handle) => drop(self.wait_for(Some(&handle), None::<&std::os::fd::OwnedFd>)),
            // The kernel has no handles, or a filter refuses them.
            Err(_) => {
                while !self.is_late() && matches!(self.probe.child.try_wait(), Ok(None)) {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
        self.probe.child.try_wait().ok().flatten()
    }

    /// Which of the streams can be read; none when the time is over.
    fn wait_for(
        &self,
        out: Option<&impl AsFd>,
        err: Option<&impl AsFd>,
    ) -> io::Result<(bool, bool)> {
        let mut watched = Vec::new();
        watched.extend(out.map(|fd| PollFd::new(fd, PollFlags::IN)));
        watched.extend(err.map(|fd| PollFd::new(fd, PollFlags::IN)));
        match poll(&mut watched, Some(&self.rest())) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return self.wait_for(out, err),
            Err(cause) => return Err(cause.into()),
        }
        let mut ready = watched.iter().map(|fd| !fd.revents().is_empty());
        let out_ready = out.is_some() && ready.next() == Some(true);
        let err_ready = err.is_some() && ready.next() == Some(true);
        Ok((out_ready, err_ready))
    }

    fn rest(&self) -> Timespec {
        let rest = self.until.saturating_duration_since(Instant::now());
        Timespec::try_from(rest).unwrap_or(Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        })
    }
}

fn read_some(stream: &mut Option<impl Read>, into: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let Some(open) = stream else { return Ok(()) };
    match open.read(&mut buffer)? {
        0 => *stream = None,
        count if into.len() <= LONGEST => into.extend_from_slice(&buffer[..count]),
        _ => {}
    }
    Ok(())
}
