//! Where the jobs' output is shown: our stdout, or stderr where stdout carries records.
//!
//! A reader may stay and not read (a pager does). Then we wait, but never inside a system call that a
//! signal could not end: each write waits for room first, and [`Hush`] ends that wait. What has been
//! hushed shows nothing more; the logs have it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::sync::Arc;

use common::{Error, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};

/// What fits into a pipe or a terminal that has room at all: `PIPE_BUF`.
const PIECE: usize = 4096;

/// A stream of ours, written without a buffer.
#[derive(Debug)]
pub(crate) struct Sink {
    fd: OwnedFd,
    name: &'static str,
    kind: Kind,
    hush: Arc<Hush>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pipe,
    /// Takes everything at once.
    File,
    /// A terminal, a socket.
    Other,
}

/// Ends all waiting for readers, for good.
#[derive(Debug)]
pub(crate) struct Hush {
    asked: OwnedFd,
    ask: OwnedFd,
}

/// Whether bytes may be shown.
#[derive(Debug, PartialEq, Eq)]
enum Room {
    There,
    Hushed,
}

impl Hush {
    pub(crate) fn new() -> Result<Arc<Self>> {
        let (asked, ask) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
            .map_err(|cause| Error::io("make", "pipe", cause))?;
        Ok(Arc::new(Self { asked, ask }))
    }

    /// From here on nothing is shown that a reader would have to make room for.
    pub(crate) fn ask(&self) {
        // When it is full it has been asked before.
        let _full = rustix::io::write(&self.ask, b"!");
    }
}

impl Sink {
    pub(crate) fn stdout(hush: &Arc<Hush>) -> Result<Self> {
        Self::of(
            io::stdout().as_fd().try_clone_to_owned(),
            "standard output",
            hush,
        )
    }

    pub(crate) fn stderr(hush: &Arc<Hush>) -> Result<Self> {
        Self::of(
            io::stderr().as_fd().try_clone_to_owned(),
            "standard error",
            hush,
        )
    }

    fn of(fd: io::Result<OwnedFd>, name: &'static str, hush: &Arc<Hush>) -> Result<Self> {
        let failed = |cause| Error::io("write", name, cause);
        let file = File::from(fd.map_err(failed)?);
        let kind = file.metadata().map_err(failed)?.file_type();
        let kind = match kind {
            kind if kind.is_fifo() => Kind::Pipe,
            kind if kind.is_file() => Kind::File,
            _ => Kind::Other,
        };
        Ok(Self {
            fd: file.into(),
            name,
            kind,
            hush: Arc::clone(hush),
        })
    }

    /// Whether a person may be looking.
    pub(crate) fn is_terminal(&self) -> bool {
        io::IsTerminal::is_terminal(&self.fd)
    }

    /// Waits until the reader of a pipe is gone. Waits for ever where there is no reader to go.
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
            if self.room()? == Room::Hushed {
                return Ok(());
            }
            let piece = match self.kind {
                Kind::File => bytes,
                Kind::Pipe | Kind::Other => &bytes[..bytes.len().min(PIECE)],
            };
            match rustix::io::write(&self.fd, piece) {
                Ok(n) => bytes = &bytes[n..],
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(cause) => return Err(self.failed(cause)),
            }
        }
        Ok(())
    }

    /// Shows `count` bytes of `file` from `at` on.
    pub(crate) fn show(&self, file: &File, at: u64, count: u64) -> Result<()> {
        let mut offset = at;
        let end = at + count;
        while offset < end {
            // Far more than a pipe holds, and less than what the calls refuse.
            let chunk = usize::try_from((end - offset).min(16 << 20)).unwrap_or(PIECE);
            let moved = match self.kind {
                Kind::Pipe => splice(
                    file,
                    Some(&mut offset),
                    &self.fd,
                    None,
                    chunk,
                    SpliceFlags::NONBLOCK,
                ),
                Kind::File => sendfile(&self.fd, file, Some(&mut offset), chunk),
                Kind::Other => Err(Errno::INVAL),
            };
            match moved {
                Ok(0) => return Err(shrunk()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if self.room()? == Room::Hushed {
                        return Ok(());
                    }
                }
                Err(Errno::INVAL | Errno::NOSYS) => return self.copy(file, offset, end),
                Err(cause) => return Err(self.failed(cause)),
            }
        }
        Ok(())
    }

    /// The way for streams that those calls do not serve, files opened for appending among them.
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
                return Err(shrunk());
            }
            self.write_all(&buffer[..n])?;
            at += n as u64;
        }
        Ok(())
    }

    /// Waits for room, or for the end of all waiting. What can be written at once still is.
    fn room(&self) -> Result<Room> {
        if self.kind == Kind::File {
            return Ok(Room::There);
        }
        let mut fds = [
            PollFd::new(&self.fd, PollFlags::OUT),
            PollFd::new(&self.hush.asked, PollFlags::IN),
        ];
        loop {
            match poll(&mut fds, None) {
                // An error is told by the write.
                Ok(_) if !fds[0].revents().is_empty() => return Ok(Room::There),
                Ok(_) => return Ok(Room::Hushed),
                Err(Errno::INTR) => {}
                Err(cause) => return Err(self.failed(cause)),
            }
        }
    }

    fn failed(&self, cause: Errno) -> Error {
        Error::io("write", self.name, cause)
    }
}

fn shrunk() -> Error {
    Error::said("show the output of a job", "its log has shrunk")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hushed_stream_waits_for_nobody() {
        let hush = Hush::new().unwrap();
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let sink = Sink::of(Ok(writer), "a pipe", &hush).unwrap();
        hush.ask();
        // More than a pipe holds, and nobody reads.
        sink.write_all(&vec![0; 1 << 20]).unwrap();
        let held = rustix::io::ioctl_fionread(&reader).unwrap();
        assert!(held > 0, "what there was room for has been written");
    }
}
