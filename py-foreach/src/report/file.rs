//! A file that is written when all is over, and tried before anything runs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use common::{Error, Result, outputs};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// How long a fifo's reader may take to come, and then to take something.
const COMES: Duration = Duration::from_secs(1);
const TAKES: Duration = Duration::from_secs(10);

/// How often a fifo without a reader is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// What a pipe takes without waiting once it can be written, in bytes (pipe(7), `PIPE_BUF`).
const TAKEN_AT_ONCE: usize = 4096;

/// Where a report goes.
#[derive(Debug)]
pub(crate) struct ReportFile {
    path: PathBuf,
    /// What stays open: a descriptor of ours, which has its place in its file, and a fifo, whose reader
    /// would take a second opening for the end. A file is opened anew, as a job may have put another in
    /// its place.
    held: Option<File>,
}

impl ReportFile {
    /// Finds out that `path` can be written; what a file holds stays.
    ///
    /// # Errors
    /// It cannot be written, or it is a fifo that nobody reads.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |cause| Error::io("write", path, cause);
        let held = match outputs::descriptor(path).map_err(failed)? {
            Some(ours) => Some(ours),
            None => {
                let file = try_out(path)?;
                let kind = file.metadata().map_err(failed)?.file_type();
                kind.is_fifo().then_some(file)
            }
        };
        Ok(Self {
            path: path.to_owned(),
            held,
        })
    }

    /// Writes all of `text`, in the place of what a file holds.
    pub(crate) fn write(self, text: &[u8]) -> Result<()> {
        let written = match self.held {
            Some(file) => write_while_taken(&file, text),
            None => open(&self.path, OFlags::TRUNC)
                .map_err(io::Error::from)
                .and_then(|file| write_while_taken(&file, text)),
        };
        written.map_err(|cause| Error::io("write", &self.path, cause))
    }
}

fn try_out(path: &Path) -> Result<File> {
    let until = Instant::now() + COMES;
    loop {
        match open(path, OFlags::empty()) {
            Ok(file) => return Ok(file),
            Err(Errno::NXIO) if is_fifo(path) => {
                if Instant::now() >= until {
                    return Err(Error::refused("write", path, "nobody reads this fifo"));
                }
                thread::sleep(AGAIN);
            }
            Err(cause) => return Err(Error::io("write", path, cause)),
        }
    }
}

fn open(path: &Path, more: OFlags) -> rustix::io::Result<File> {
    let way = OFlags::WRONLY | OFlags::CREATE | more;
    // To open must neither wait for a reader nor make a terminal ours.
    let flags = way | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::from_raw_mode(0o666)).map(File::from)
}

fn is_fifo(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.file_type().is_fifo())
}

/// Writes to what may have a reader; a descriptor of ours may be one that waits.
fn write_while_taken(mut file: &File, mut bytes: &[u8]) -> io::Result<()> {
    let patience = Timespec::try_from(TAKES).map_err(io::Error::other)?;
    while !bytes.is_empty() {
        match poll(&mut [PollFd::new(file, PollFlags::OUT)], Some(&patience)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Err(Errno::INTR) => continue,
            Err(cause) => return Err(cause.into()),
            Ok(_) => {}
        }
        match file.write(&bytes[..bytes.len().min(TAKEN_AT_ONCE)]) {
            Ok(count) => bytes = &bytes[count..],
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {}
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
        file.write(text.as_bytes()).unwrap();
        assert_eq!(reads.join().unwrap(), text);
    }
}
