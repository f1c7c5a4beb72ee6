//! A job's log: every byte that the job writes, in order, before anybody is shown it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use common::{Error, Result};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// How much is moved at once, in bytes.
const CHUNK: usize = 128 << 10;

/// A log that is being written.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    path: PathBuf,
    start: u64,
    buffer: Vec<u8>,
}

/// What a log held before the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// It stays, as a phase log that grows.
    Keep,
    Discard,
}

impl Log {
    pub(crate) fn open(path: &Path, before: Before) -> Result<Self> {
        let failed = |cause| Error::io("write", path, cause);
        let keep = before == Before::Keep;
        let mut options = File::options();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(!keep)
            .custom_flags(at_once())
            .open(path)
            .map_err(failed)?;
        let start = file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            start,
            buffer: vec![0; CHUNK],
        })
    }

    /// Where this job's bytes begin in the file.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Moves what the pipe has now, and tells how many bytes: 0 at the pipe's end, `None` where it has none yet. The
    /// pipe's reading end must not block.
    pub(crate) fn take(&mut self, pipe: BorrowedFd<'_>) -> Result<Option<usize>> {
        let count = match rustix::io::read(pipe, &mut self.buffer[..]) {
            Ok(count) => count,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
            Err(cause) => return Err(Error::io("read", "the output of a job", cause)),
        };
        let written = self.file.write_all(&self.buffer[..count]);
        written.map_err(|cause| Error::io("write", &self.path, cause))?;
        Ok(Some(count))
    }
}

/// A fifo in a log's place would have us wait for its other side.
fn at_once() -> i32 {
    i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0)
}

/// The last lines of the log at `path` from `start` on: at most `lines`, and of at most `bytes`.
pub(crate) fn tail(path: &Path, start: u64, lines: usize, bytes: u64) -> io::Result<Vec<u8>> {
    let mut file = File::options()
        .read(true)
        .custom_flags(at_once())
        .open(path)?;
    let end = file.seek(SeekFrom::End(0))?;
    let from = start.max(end.saturating_sub(bytes));
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    file.take(bytes).read_to_end(&mut text)?;
    Ok(last_lines(text, lines, from > start))
}

/// `cut` says that the text begins in the middle of a line. Of a single line that is too long its end is shown.
fn last_lines(mut text: Vec<u8>, lines: usize, cut: bool) -> Vec<u8> {
    let newlines = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let begins = newlines.map(|(at, _)| at + 1).filter(|at| *at < text.len());
    let begins: Vec<usize> = (!cut).then_some(0).into_iter().chain(begins).collect();
    let skip = begins.len().saturating_sub(lines);
    text.drain(..begins.get(skip).copied().unwrap_or(0));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_whole() {
        let lines = |text: &str, n, cut| {
            String::from_utf8(last_lines(text.as_bytes().to_vec(), n, cut)).unwrap()
        };
        assert_eq!(lines("a\nb\nc\n", 2, false), "b\nc\n");
        assert_eq!(lines("a\nb\nc", 1, false), "c");
        assert_eq!(lines("a\nb\n", 5, false), "a\nb\n");
        assert_eq!(lines("f a line\nb\n", 5, true), "b\n");
        assert_eq!(lines("only the end", 5, true), "only the end");
        assert_eq!(lines("", 5, false), "");
    }
}
