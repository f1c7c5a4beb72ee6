//! The pool that we were given: the one place that reads and writes its tokens.
//!
//! We open it anew, through /proc where it is a pair of descriptors, so that our own non-blocking reads
//! make nobody else's descriptor non-blocking. What was read is kept by its byte and goes back by the
//! same byte, from the same process, on every path out.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use common::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};

use crate::makeflags::Auth;

/// The pool above us, and the tokens of it that we hold.
#[derive(Debug)]
pub(crate) struct Outer {
    name: PathBuf,
    reader: File,
    writer: File,
    held: Vec<u8>,
}

impl Outer {
    /// Opens what MAKEFLAGS name; nothing where they name none.
    ///
    /// # Errors
    /// It is not there, or it is no pool: descriptors that make closed for this recipe, or said to be
    /// negative, or that are something else by now.
    pub(crate) fn open(auth: &Auth) -> Result<Option<Self>> {
        match auth {
            Auth::None => Ok(None),
            Auth::Fifo(path) => {
                let reader = open(path, OFlags::RDWR)?;
                let writer = reader.try_clone();
                let writer = writer.map_err(|cause| Error::io("open", path, cause))?;
                Ok(Some(Self::of(path.clone(), reader, writer)))
            }
            Auth::Descriptors(read, write) if *read < 0 || *write < 0 => {
                let both = format!("{read},{write}");
                Err(Error::refused(
                    "open",
                    both,
                    "make keeps it from this recipe",
                ))
            }
            Auth::Descriptors(read, write) => {
                let path = |fd: &i32| PathBuf::from(format!("/proc/self/fd/{fd}"));
                let reader = open(&path(read), OFlags::RDONLY)?;
                let writer = open(&path(write), OFlags::WRONLY)?;
                if identity(&reader, &path(read))? != identity(&writer, &path(write))? {
                    let both = format!("{read},{write}");
                    return Err(Error::refused("open", both, "are not two ends of one pipe"));
                }
                Ok(Some(Self::of(path(read), reader, writer)))
            }
        }
    }

    fn of(name: PathBuf, reader: File, writer: File) -> Self {
        Self {
            name,
            reader,
            writer,
            held: Vec::new(),
        }
    }

    /// How many of its tokens we hold.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// Whether a token lies there now, for us or for anybody.
    pub(crate) fn has_some(&self) -> Result<bool> {
        let mut fds = [PollFd::new(&self.reader, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default()))
            .map_err(|cause| Error::io("look at", &self.name, cause))?;
        Ok(fds[0].revents().contains(PollFlags::IN))
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self) -> Result<bool> {
        // A device may not know what non-blocking is, so it is asked first.
        if !self.has_some()? {
            return Ok(false);
        }
        let mut byte = [0];
        match self.reader.read(&mut byte) {
            Ok(1) => {
                self.held.push(byte[0]);
                Ok(true)
            }
            Ok(_) => Ok(false),
            Err(cause) if is_for_now(&cause) => Ok(false),
            Err(cause) => Err(Error::io("read", &self.name, cause)),
        }
    }

    /// Gives a token back.
    pub(crate) fn give(&mut self) -> Result<()> {
        let Some(byte) = self.held.last().copied() else {
            return Ok(());
        };
        loop {
            match self.writer.write(&[byte]) {
                Ok(_) => {
                    self.held.pop();
                    return Ok(());
                }
                // A pipe is never full of what was taken out of it; a signal may come.
                Err(cause) if is_for_now(&cause) => std::thread::yield_now(),
                Err(cause) => return Err(Error::io("give a slot back to", &self.name, cause)),
            }
        }
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        while !self.held.is_empty() && self.give().is_ok() {}
    }
}

fn is_for_now(cause: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    matches!(cause.kind(), Interrupted | WouldBlock)
}

fn open(path: &Path, way: OFlags) -> Result<File> {
    let failed = |cause| Error::io("open", path, cause);
    // Look before opening: to open a device or a lease can do something.
    let kind = std::fs::metadata(path).map_err(failed)?;
    if !is_pool(&kind) {
        return Err(Error::refused("open", path, "is no pipe and no fifo"));
    }
    // A terminal must not become ours.
    let flags = way | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    opened.map(File::from).map_err(|cause| failed(cause.into()))
}

fn is_pool(metadata: &Metadata) -> bool {
    let kind = metadata.file_type();
    // Of all character devices /dev/null is what a closed descriptor most often became.
    let null = OsStr::new("/dev/null");
    let null = std::fs::metadata(null).is_ok_and(|null| null.rdev() == metadata.rdev());
    kind.is_fifo() || (kind.is_char_device() && !null)
}

fn identity(file: &File, path: &Path) -> Result<(u64, u64)> {
    let metadata = file.metadata().map_err(|c| Error::io("look at", path, c))?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn the_same_bytes_go_back() {
        let (mut reader, mut writer) = io_pipe();
        writer.write_all(b"ab").unwrap();
        let auth = Auth::Descriptors(reader.as_raw_fd(), writer.as_raw_fd());
        let mut outer = Outer::open(&auth).unwrap().unwrap();
        assert!(outer.take().unwrap() && outer.take().unwrap());
        assert!(!outer.take().unwrap());
        assert_eq!(outer.held(), 2);
        drop(outer);
        drop(writer);
        let mut back = Vec::new();
        reader.read_to_end(&mut back).unwrap();
        back.sort_unstable();
        assert_eq!(back, b"ab");
    }

    #[test]
    fn what_is_no_pool_is_refused() {
        let file = File::open("/dev/null").unwrap();
        let fd = file.as_raw_fd();
        assert!(Outer::open(&Auth::Descriptors(fd, fd)).is_err());
        assert!(Outer::open(&Auth::Descriptors(9999, 9998)).is_err());
        assert!(Outer::open(&Auth::Descriptors(-2, -2)).is_err());
        assert!(Outer::open(&Auth::None).unwrap().is_none());
        assert!(Outer::open(&Auth::Fifo("/nonexistent/fifo".into())).is_err());
        let ((one, _w), (_r, other)) = (io_pipe(), io_pipe());
        let auth = Auth::Descriptors(one.as_raw_fd(), other.as_raw_fd());
        assert!(Outer::open(&auth).is_err(), "ends of two pipes");
    }

    fn io_pipe() -> (File, File) {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        (reader.into(), writer.into())
    }
}
