//! Descriptors that were open when the program started, by their numbers.

// Only the number of such a descriptor is known. This is the only unsafe code of this crate.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::Path;

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_getfd};

/// The number that `path` names: `/dev/stdout`, `/dev/stderr`, `/dev/fd/N`, `/proc/self/fd/N`.
pub(crate) fn number(path: &Path) -> Option<RawFd> {
    if path == Path::new("/dev/stdout") {
        return Some(1);
    }
    if path == Path::new("/dev/stderr") {
        return Some(2);
    }
    let number = path.strip_prefix("/dev/fd");
    let number = number.or_else(|_| path.strip_prefix("/proc/self/fd"));
    let number = number.ok()?.to_str()?;
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|_| is_plain)
}

/// A duplicate of the inherited descriptor `number`. EBADF if it is not one that we inherited, or not open for writing.
pub(crate) fn writable(number: RawFd) -> io::Result<File> {
    // SAFETY: the descriptor is neither kept nor closed. If none is open, or another thread closes it meanwhile, the
    // kernel answers EBADF.
    let there = unsafe { BorrowedFd::borrow_raw(number) };
    // A descriptor that we opened ourselves has the flag, and no user can name it.
    let is_ours = fcntl_getfd(there)?.contains(FdFlags::CLOEXEC);
    let is_for_reading = fcntl_getfl(there)? & OFlags::ACCMODE == OFlags::RDONLY;
    if is_ours || is_for_reading {
        return Err(Errno::BADF.into());
    }
    Ok(fcntl_dupfd_cloexec(there, 0)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    #[test]
    fn descriptors_have_names() {
        for (path, expected) in [
            ("/dev/stdout", Some(1)),
            ("/dev/stderr", Some(2)),
            ("/dev//fd/7", Some(7)),
            ("/proc/self/fd/12", Some(12)),
            ("/dev/fd/x", None),
            ("/dev/fd/+1", None),
            ("/dev/null", None),
            ("out", None),
        ] {
            assert_eq!(number(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn only_what_was_given_and_can_be_written_is_taken() {
        // As a descriptor that we were given: without the flag.
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        writable(writer.as_raw_fd())
            .unwrap()
            .write_all(b"x")
            .unwrap();
        let mut read = [0];
        assert!(writable(reader.as_raw_fd()).is_err());
        File::from(reader).read_exact(&mut read).unwrap();
        let ours = File::create("/dev/null").unwrap();
        assert!(writable(ours.as_raw_fd()).is_err());
        assert!(writable(9999).is_err());
    }
}
