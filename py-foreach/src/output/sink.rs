//! Where we show something: our stdout, our stderr.
//!
//! A reader may stay and not read (a pager does, a terminal after ^S). Then we wait, but never inside a
//! system call that a signal could not end: each write waits for room first, and [`Hush`] ends that wait.
//! What has been hushed shows nothing more; the logs have it.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use common::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, major, minor, sendfile};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use rustix::pipe::{SpliceFlags, splice};

use super::hush::Hush;

/// What a pipe that has room at all takes whole: `PIPE_BUF`.
const PIECE: usize = 4096;

/// How long what says that it has room, and has not, is left alone. A terminal with room for one byte
/// takes no newline, which is two.
const BREATH: Duration = Duration::from_millis(10);

/// A stream of ours, written without a buffer.
#[derive(Debug)]
pub(crate) struct Sink {
    fd: OwnedFd,
    name: &'static str,
    kind: Kind,
    hush: Arc<Hush>,
    /// How long all waiting may go on once it has been hushed, and until when it then may.
    patience: Duration,
    until: OnceLock<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pipe,
    /// Takes everything at once.
    File,
    Socket,
    /// A terminal.
    Other,
}

/// Whether bytes may be shown.
#[derive(Debug, PartialEq, Eq)]
enum Room {
    There,
    Hushed,
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
        let data = file.metadata().map_err(failed)?;
        let kind = match data.file_type() {
            kind if kind.is_fifo() => Kind::Pipe,
            kind if kind.is_file() => Kind::File,
            kind if kind.is_socket() => Kind::Socket,
            _ => Kind::Other,
        };
        let fd = OwnedFd::from(file);
        Ok(Self {
            fd: never_blocking(&fd, &data).unwrap_or(fd),
            name,
            kind,
            hush: Arc::clone(hush),
            patience: Duration::ZERO,
            until: OnceLock::new(),
        })
    }

    /// The same stream, for what is to be read if at all possible: so long it waits for room in all after
    /// it has been hushed.
    pub(crate) fn patient(self, patience: Duration) -> Self {
        Self {
            patience,
            until: OnceLock::new(),
            ..self
        }
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

    pub(crate) fn write_all(&self, bytes: &[u8]) -> Result<()> {
        self.put(bytes).map_err(|cause| self.failed(cause))
    }

    /// Says a line of our own, by one write, so that lines of several tools do not mix. A stream that is
    /// gone has nobody to be told.
    pub(crate) fn say(&self, line: impl std::fmt::Display) {
        let _gone = self.put(format!("{line}\n").as_bytes());
    }

    fn put(&self, mut bytes: &[u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            if self.room()? == Room::Hushed {
                return Ok(());
            }
            let piece = match self.kind {
                Kind::File => bytes,
                Kind::Pipe | Kind::Socket | Kind::Other => &bytes[..bytes.len().min(PIECE)],
            };
            let written = match self.kind {
                Kind::Socket => send(&self.fd, piece, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
                Kind::Pipe | Kind::File | Kind::Other => rustix::io::write(&self.fd, piece),
            };
            match written {
                Ok(n) => bytes = &bytes[n..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if self.breathe()? == Room::Hushed {
                        return Ok(());
                    }
                }
                Err(cause) => return Err(cause),
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
                Kind::Socket | Kind::Other => Err(Errno::INVAL),
            };
            match moved {
                Ok(0) => return Err(shrunk()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if self.room().map_err(|cause| self.failed(cause))? == Room::Hushed {
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
    fn room(&self) -> Result<Room, Errno> {
        if self.kind == Kind::File {
            return Ok(Room::There);
        }
        let asked = self.hush.asked();
        let mut fds = [
            PollFd::new(&self.fd, PollFlags::OUT),
            PollFd::new(&asked, PollFlags::IN),
        ];
        rustix::io::retry_on_intr(|| poll(&mut fds, None))?;
        // An error is told by the write.
        if !fds[0].revents().is_empty() {
            return Ok(Room::There);
        }
        let left = self.patience_left();
        let ready = poll(&mut fds[..1], Timespec::try_from(left).ok().as_ref());
        Ok(match ready {
            Ok(0) => Room::Hushed,
            Ok(_) | Err(Errno::INTR) => Room::There,
            Err(cause) => return Err(cause),
        })
    }

    /// Waits a moment, there being room that is none.
    fn breathe(&self) -> Result<Room, Errno> {
        let asked = self.hush.asked();
        let mut fds = [PollFd::new(&asked, PollFlags::IN)];
        let breath = Timespec::try_from(BREATH).ok();
        match poll(&mut fds, breath.as_ref()) {
            Ok(0) | Err(Errno::INTR) => return Ok(Room::There),
            Ok(_) => {}
            Err(cause) => return Err(cause),
        }
        let left = self.patience_left();
        std::thread::sleep(left.min(BREATH));
        Ok(if left.is_zero() {
            Room::Hushed
        } else {
            Room::There
        })
    }

    /// How long it may still wait, having been hushed.
    fn patience_left(&self) -> Duration {
        let until = self.until.get_or_init(|| Instant::now() + self.patience);
        until.saturating_duration_since(Instant::now())
    }

    fn failed(&self, cause: Errno) -> Error {
        Error::io("write", self.name, cause)
    }
}

/// For records. What has been hushed takes all and shows nothing: the stream then ends without its end, by
/// which every reader knows that it is broken.
impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same pipe or terminal opened anew, so that a write never waits: to see that there is room is not
/// enough where others write too, or where the room is smaller than the piece. The flag that says so
/// belongs to the opening; ours is shared with whoever started us.
///
/// Nothing where that cannot be had: the stream belongs to somebody else, or is another thing.
fn never_blocking(fd: &OwnedFd, data: &Metadata) -> Option<OwnedFd> {
    // To open the emulator's side of a terminal makes a new terminal (pty(7)).
    let is_emulator = (major(data.rdev()), minor(data.rdev())) == (5, 2);
    let is_terminal = io::IsTerminal::is_terminal(fd) && !is_emulator;
    if !is_terminal && !data.file_type().is_fifo() {
        return None;
    }
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    rustix::fs::open(path, flags, Mode::empty()).ok()
}

fn shrunk() -> Error {
    Error::said("show the output of a job", "its log has shrunk")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::{PipeFlags, pipe_with};

    #[test]
    fn a_new_patience_begins_anew() {
        use std::io::Read;
        let hush = Hush::new().unwrap();
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let sink = Sink::of(Ok(writer), "a pipe", &hush).unwrap();
        hush.ask();
        // It has no patience, and that is over.
        sink.write_all(&vec![0; 1 << 20]).unwrap();
        let sink = sink.patient(Duration::from_secs(60));
        let reads_late = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            let mut whole = Vec::new();
            File::from(reader).read_to_end(&mut whole).map(|_| whole)
        });
        sink.say("the last");
        drop(sink);
        let whole = reads_late.join().unwrap().unwrap();
        assert!(whole.ends_with(b"the last\n"));
    }

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
