//! Where the jobs' output is shown: our stdout, or stderr where stdout carries records.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use common::{Error, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::sendfile;
use rustix::io::Errno;

/// A stream of ours, written without a buffer.
#[derive(Debug)]
pub(crate) struct Sink {
    fd: OwnedFd,
    name: &'static str,
}

impl Sink {
    pub(crate) fn stdout() -> Result<Self> {
        Self::of(io::stdout().as_fd().try_clone_to_owned(), "standard output")
    }

    pub(crate) fn stderr() -> Result<Self> {
        Self::of(io::stderr().as_fd().try_clone_to_owned(), "standard error")
    }

    fn of(fd: io::Result<OwnedFd>, name: &'static str) -> Result<Self> {
        let fd = fd.map_err(|cause| Error::io("write", name, cause))?;
        Ok(Self { fd, name })
    }

    /// Whether a person may be looking.
    pub(crate) fn is_terminal(&self) -> bool {
        io::IsTerminal::is_terminal(&self.fd)
    }

    /// Waits until the reader of a pipe is gone. Returns at once where there is no reader to go.
    pub(crate) fn wait_until_gone(&self) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::empty())];
        loop {
            match poll(&mut fds, None) {
                Ok(_) => return fds[0].revents().contains(PollFlags::ERR),
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    pub(crate) fn write_all(&self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.fd, bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(cause) => self.wait_or_fail(cause)?,
            }
        }
        Ok(())
    }

    /// Shows `count` bytes of `file` from `at` on.
    pub(crate) fn show(&self, file: &File, at: u64, count: u64) -> Result<()> {
        let mut offset = at;
        let end = at + count;
        while offset < end {
            // Far more than a pipe holds, and less than what sendfile(2) refuses.
            let chunk = usize::try_from((end - offset).min(16 << 20)).unwrap_or(1 << 20);
            match sendfile(&self.fd, file, Some(&mut offset), chunk) {
                // The log was cut by somebody else.
                Ok(0) => {
                    return Err(Error::said(
                        "show the output of a job",
                        "its log has shrunk",
                    ));
                }
                Ok(_) => {}
                Err(Errno::INVAL | Errno::NOSYS) => return self.copy(file, offset, end),
                Err(cause) => self.wait_or_fail(cause)?,
            }
        }
        Ok(())
    }

    /// The way for streams that sendfile(2) does not serve, files opened for appending among them.
    fn copy(&self, file: &File, mut at: u64, end: u64) -> Result<()> {
        use std::os::unix::fs::FileExt;
        let mut buffer = vec![0; 64 << 10];
        while at < end {
            let want = usize::try_from(end - at)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let n = file
                .read_at(&mut buffer[..want], at)
                .map_err(|cause| Error::io("read", "the log of a job", cause))?;
            if n == 0 {
                return Err(Error::said(
                    "show the output of a job",
                    "its log has shrunk",
                ));
            }
            self.write_all(&buffer[..n])?;
            at += n as u64;
        }
        Ok(())
    }

    /// Somebody may have made the stream non-blocking for all who share it.
    fn wait_or_fail(&self, cause: Errno) -> Result<()> {
        match cause {
            Errno::INTR => Ok(()),
            Errno::AGAIN => {
                let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
                match poll(&mut fds, None) {
                    Ok(_) | Err(Errno::INTR) => Ok(()),
                    Err(cause) => Err(Error::io("write", self.name, cause)),
                }
            }
            cause => Err(Error::io("write", self.name, cause)),
        }
    }
}
