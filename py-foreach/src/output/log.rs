//! A job's log: every byte that the job writes, in order, before anybody is shown it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use common::{Error, Result};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice};

/// How much is moved at once, in bytes.
const CHUNK: usize = 256 << 10;

/// A log that is being written.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    path: PathBuf,
    start: u64,
    way: Way,
}

/// How bytes get from the pipe to the file.
#[derive(Debug)]
enum Way {
    /// The kernel moves them.
    Splice,
    /// Through our hands, because the file system cannot.
    Copy(Vec<u8>),
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
            way: Way::Splice,
        })
    }

    /// Where this job's bytes begin in the file.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Takes what the pipe has now: so many bytes, of which 0 are the pipe's end; nothing where it has none
    /// yet. The pipe's reading end must not block.
    pub(crate) fn take(&mut self, pipe: BorrowedFd<'_>) -> Result<Option<usize>> {
        let failed = |cause: io::Error| Error::io("write", &self.path, cause);
        if matches!(self.way, Way::Splice) {
            match splice(pipe, None, &self.file, None, CHUNK, SpliceFlags::NONBLOCK) {
                Ok(n) => return Ok(Some(n)),
                Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
                Err(Errno::INVAL | Errno::NOSYS) => self.way = Way::Copy(vec![0; CHUNK / 4]),
                Err(cause) => return Err(failed(cause.into())),
            }
        }
        let Way::Copy(buffer) = &mut self.way else {
            return Ok(None);
        };
        let n = match rustix::io::read(pipe, &mut buffer[..]) {
            Ok(n) => n,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
            Err(cause) => return Err(Error::io("read", "the output of a job", cause)),
        };
        self.file.write_all(&buffer[..n]).map_err(failed)?;
        Ok(Some(n))
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

/// `cut`: the text begins in the middle of a line.
fn last_lines(mut text: Vec<u8>, lines: usize, cut: bool) -> Vec<u8> {
    let body = text.strip_suffix(b"\n").unwrap_or(&text);
    let newlines = body.iter().enumerate().filter(|(_, b)| **b == b'\n');
    let begins: Vec<usize> = newlines.map(|(at, _)| at + 1).collect();
    let first = if cut {
        begins.first().copied()
    } else {
        Some(0)
    };
    // Of a single line that is too long its end is shown.
    let first = first.unwrap_or(0);
    let from = match begins.len().checked_sub(lines) {
        Some(skip) => begins.get(skip).copied().unwrap_or(text.len()),
        None => 0,
    };
    text.drain(..from.max(first));
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
