//! A file that a report goes to: tried before anything runs, written when all is over.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use common::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// How long a fifo's reader may take to come, and then to take something.
const COMES: Duration = Duration::from_secs(1);
const TAKES: Duration = Duration::from_secs(10);

/// How often a fifo without a reader is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// Where a report goes.
#[derive(Debug)]
pub(crate) struct ReportFile {
    path: PathBuf,
    /// A fifo stays open: its reader would take a second opening for the end. A file is opened anew,
    /// as a job may have put another in its place.
    fifo: Option<File>,
}

impl ReportFile {
    /// Opens `path`; a regular file is empty from here on.
    ///
    /// # Errors
    /// It cannot be written, or it is a fifo that nobody reads.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |cause| Error::io("write", path, cause);
        let until = Instant::now() + COMES;
        let file = loop {
            match open(path) {
                Ok(file) => break file,
                Err(Errno::NXIO) if is_fifo(path) => {
                    if Instant::now() >= until {
                        return Err(Error::refused("write", path, "nobody reads this fifo"));
                    }
                    thread::sleep(AGAIN);
                }
                Err(cause) => return Err(failed(cause.into())),
            }
        };
        let kind = file.metadata().map_err(failed)?.file_type();
        Ok(Self {
            path: path.to_owned(),
            fifo: kind.is_fifo().then_some(file),
        })
    }

    /// Writes all of `text`.
    pub(crate) fn write(self, text: &str) -> Result<()> {
        let written = match &self.fifo {
            Some(fifo) => write_while_taken(fifo, text.as_bytes()),
            None => fs::write(&self.path, text),
        };
        written.map_err(|cause| Error::io("write", &self.path, cause))
    }
}

fn open(path: &Path) -> rustix::io::Result<File> {
    let way = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    // To open must neither wait for a reader nor make a terminal ours.
    let flags = way | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::from_raw_mode(0o666)).map(File::from)
}

fn is_fifo(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.file_type().is_fifo())
}

fn write_while_taken(mut fifo: &File, mut bytes: &[u8]) -> io::Result<()> {
    let patience = Timespec::try_from(TAKES).map_err(io::Error::other)?;
    while !bytes.is_empty() {
        match fifo.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {
                match poll(&mut [PollFd::new(fifo, PollFlags::OUT)], Some(&patience)) {
                    Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(cause) => return Err(cause.into()),
                }
            }
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_is_larger_than_the_pipe_goes_through() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut reader = File::from(reader);
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
        let file = ReportFile::open(Path::new(&path)).unwrap();
        drop(writer);
        let text = "x".repeat(1 << 20);
        let reads = thread::spawn(move || {
            let mut all = String::new();
            reader.read_to_string(&mut all).unwrap();
            all
        });
        file.write(&text).unwrap();
        assert_eq!(reads.join().unwrap(), text);
    }
}
