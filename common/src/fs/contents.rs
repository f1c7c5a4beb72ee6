//! The content of files: compare, reflink, copy with holes.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{self as sys, SeekFrom};
use rustix::io::{self, Errno, Result};

/// How much one call reads, in bytes.
const CHUNK: usize = 128 * 1024;

/// How much is copied before `go_on` is asked, in bytes.
const PIECE: u64 = 16 << 20;

/// Asked between the pieces of a large file. When it says no the call fails with ECANCELED.
pub type GoOn<'a> = &'a dyn Fn() -> bool;

fn check(go_on: GoOn<'_>) -> Result<()> {
    if go_on() {
        return Ok(());
    }
    Err(Errno::CANCELED)
}

/// Whether two open files of the same size hold the same bytes.
pub fn equal(a: impl AsFd, b: impl AsFd, go_on: GoOn<'_>) -> Result<bool> {
    let mut left = vec![0; CHUNK];
    let mut right = vec![0; CHUNK];
    loop {
        let read = fill(a.as_fd(), &mut left)?;
        if read != fill(b.as_fd(), &mut right)? || left[..read] != right[..read] {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
        check(go_on)?;
    }
}

/// Makes `to` share the blocks of `from`.
pub fn clone(from: impl AsFd, to: impl AsFd) -> Result<()> {
    sys::ioctl_ficlone(to, from)
}

/// Whether FICLONE says that blocks cannot be shared here. A full disk or a quota is not such an answer.
pub fn cannot_clone(cause: Errno) -> bool {
    matches!(
        cause,
        Errno::OPNOTSUPP
            | Errno::XDEV
            | Errno::INVAL
            | Errno::NOTTY
            | Errno::NOSYS
            | Errno::PERM
            | Errno::ACCESS
            | Errno::TXTBSY
    )
}

/// Copies `size` bytes of `from` into the empty file `to`; holes stay holes.
pub fn copy(from: impl AsFd, to: impl AsFd, size: u64, go_on: GoOn<'_>) -> Result<()> {
    let (from, to) = (from.as_fd(), to.as_fd());
    let mut at = 0;
    while at < size {
        let Some((start, end)) = data_after(from, at, size)? else {
            break;
        };
        at = start;
        while at < end {
            let piece = end.min(at.saturating_add(PIECE));
            copy_extent(from, to, at, piece)?;
            at = piece;
            check(go_on)?;
        }
    }
    sys::ftruncate(to, size)
}

/// The next run of data at or after `at`; all that is left if the file system knows no holes.
fn data_after(file: BorrowedFd<'_>, at: u64, size: u64) -> Result<Option<(u64, u64)>> {
    let start = match sys::seek(file, SeekFrom::Data(at)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(Some((at, size))),
        Err(cause) => return Err(cause),
    };
    let end = sys::seek(file, SeekFrom::Hole(start))?.min(size);
    Ok((start < size).then_some((start, end)))
}

fn copy_extent(from: BorrowedFd<'_>, to: BorrowedFd<'_>, start: u64, end: u64) -> Result<()> {
    let (mut read_at, mut write_at) = (start, start);
    while read_at < end {
        let length = usize::try_from(end - read_at).unwrap_or(usize::MAX);
        match sys::copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), length) {
            Ok(0)
            | Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                return pump(from, to, read_at, end);
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

/// Copies through our own memory, for file systems where the kernel does not copy.
fn pump(from: BorrowedFd<'_>, to: BorrowedFd<'_>, start: u64, end: u64) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut at = start;
    while at < end {
        let want = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
        let read = io::retry_on_intr(|| io::pread(from, &mut buffer[..want], at))?;
        if read == 0 {
            return Ok(());
        }
        let mut written = 0;
        while written < read {
            let offset = at + written as u64;
            written += io::retry_on_intr(|| io::pwrite(to, &buffer[written..read], offset))?;
        }
        at += read as u64;
    }
    Ok(())
}

/// Reads until the buffer is full or the file ends.
pub fn fill(file: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match io::retry_on_intr(|| io::read(file, &mut buffer[filled..]))? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
