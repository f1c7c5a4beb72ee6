//! The fifo that our jobs draw their further slots from.
//!
//! We hold its writing end and nothing else, for two reasons: it keeps the tokens in the fifo while
//! no client has it open, and poll(2) answers ERR on it exactly when that is so.

use std::fs::File;
use std::io;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use common::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, mkfifoat};

/// The byte that is a token; clients give back what they read.
const TOKEN: u8 = b'+';

/// A fifo of tokens.
#[derive(Debug)]
pub(crate) struct Fifo {
    path: PathBuf,
    writer: File,
}

impl Fifo {
    /// Makes the fifo, empty, for this user alone.
    pub(crate) fn make(path: PathBuf) -> Result<Self> {
        let failed = |cause: io::Error| Error::io("make fifo", &path, cause);
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).map_err(|c| failed(c.into()))?;
        // A writing end opens at once only while somebody reads.
        let reader = reader(&path).map_err(failed)?;
        let writer = open(&path, OFlags::WRONLY).map_err(failed)?;
        drop(reader);
        Ok(Self { path, writer })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many tokens lie in it.
    pub(crate) fn unspent(&self) -> Result<usize> {
        let bytes =
            rustix::io::ioctl_fionread(&self.writer).map_err(|c| self.failed("look at", c))?;
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// Whether any client has it open now.
    pub(crate) fn has_clients(&self) -> Result<bool> {
        let mut fds = [PollFd::new(&self.writer, PollFlags::empty())];
        let now = Timespec::default();
        poll(&mut fds, Some(&now)).map_err(|c| self.failed("look at", c))?;
        Ok(!fds[0].revents().contains(PollFlags::ERR))
    }

    /// Puts tokens in; tells how many it took.
    pub(crate) fn put(&self, tokens: usize) -> Result<usize> {
        if tokens == 0 {
            return Ok(0);
        }
        // While this one lives the pipe has a reader, so that writing is no error.
        let _reader = reader(&self.path).map_err(|c| Error::io("open", &self.path, c))?;
        match (&self.writer).write(&vec![TOKEN; tokens]) {
            Ok(n) => Ok(n),
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(cause) => Err(Error::io("write", &self.path, cause)),
        }
    }

    /// Takes tokens out, as many as lie there and at most `tokens`.
    pub(crate) fn withdraw(&self, tokens: usize) -> Result<usize> {
        if tokens == 0 {
            return Ok(0);
        }
        let mut reader = reader(&self.path).map_err(|c| Error::io("open", &self.path, c))?;
        match reader.read(&mut vec![0; tokens]) {
            Ok(n) => Ok(n),
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(cause) => Err(Error::io("read", &self.path, cause)),
        }
    }

    fn failed(&self, verb: &str, cause: rustix::io::Errno) -> Error {
        Error::io(verb, &self.path, cause)
    }
}

fn reader(path: &Path) -> io::Result<File> {
    open(path, OFlags::RDONLY)
}

fn open(path: &Path, way: OFlags) -> io::Result<File> {
    let flags = way | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stay_while_nobody_has_the_fifo_open() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = Fifo::make(dir.path().join("pool")).unwrap();
        assert!(!fifo.has_clients().unwrap());
        assert_eq!(fifo.put(3).unwrap(), 3);
        assert_eq!(fifo.unspent().unwrap(), 3);
        let client = File::options()
            .read(true)
            .write(true)
            .open(fifo.path())
            .unwrap();
        assert!(fifo.has_clients().unwrap());
        let mut byte = [0];
        (&client).read_exact(&mut byte).unwrap();
        assert_eq!((byte[0], fifo.unspent().unwrap()), (TOKEN, 2));
        drop(client);
        assert!(!fifo.has_clients().unwrap());
        assert_eq!(fifo.withdraw(9).unwrap(), 2);
        assert_eq!(fifo.withdraw(9).unwrap(), 0);
    }
}
