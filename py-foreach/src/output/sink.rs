//! Our stdout and our stderr, without a buffer.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use common::{Error, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// How long a stream rests that says it has room and takes nothing: a terminal with room for one byte takes no
/// newline, which is two.
const REST: Duration = Duration::from_millis(1);

/// A stream of ours. A write waits for the reader, for ever if need be.
#[derive(Debug)]
pub(crate) struct Sink {
    file: File,
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
        let file = File::from(fd.map_err(|cause| Error::io("write", name, cause))?);
        Ok(Self { file, name })
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// Waits until the reader of a pipe is gone. Waits for ever where no reader can go.
    pub(crate) fn wait_until_gone(&self) -> bool {
        let mut fds = [PollFd::new(&self.file, PollFlags::empty())];
        loop {
            match poll(&mut fds, None) {
                Ok(_) => return fds[0].revents().contains(PollFlags::ERR),
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    pub(crate) fn write_all(&self, bytes: &[u8]) -> Result<()> {
        self.put(bytes)
            .map_err(|cause| Error::io("write", self.name, cause))
    }

    fn put(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match (&self.file).write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                // Our parent shares the stream and may have made it non-blocking.
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => {
                    let mut fds = [PollFd::new(&self.file, PollFlags::OUT)];
                    rustix::io::retry_on_intr(|| poll(&mut fds, None))?;
                    std::thread::sleep(REST);
                }
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }
}

/// For records.
impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_stream_that_does_not_block_gets_everything() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let reads = std::thread::spawn(move || {
            let mut all = Vec::new();
            File::from(reader).read_to_end(&mut all).map(|_| all.len())
        });
        let sink = Sink::of(Ok(writer), "a pipe").unwrap();
        // More than a pipe holds.
        sink.write_all(&vec![b'x'; 1 << 20]).unwrap();
        drop(sink);
        assert_eq!(reads.join().unwrap().unwrap(), 1 << 20);
    }
}
