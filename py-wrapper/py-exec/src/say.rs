//! Messages: parts that are joined in one buffer and written by one call.

use crate::sys::{self, Errno};

/// The longest message; more is cut off.
const LONGEST: usize = 8192;

/// Standard output.
const STDOUT: i32 = 1;
/// Standard error.
pub(crate) const STDERR: i32 = 2;

/// Writes `parts` and a newline to `to`.
///
/// An error is ignored: there is no other place to report it.
pub(crate) fn line(to: i32, parts: &[&[u8]]) {
    let _ignored = write(to, b"", parts);
}

#[inline(never)]
fn write(to: i32, label: &[u8], parts: &[&[u8]]) -> Result<(), Errno> {
    let mut text = [0; LONGEST];
    let mut length = 0;
    let bytes = label.iter().chain(parts.iter().copied().flatten());
    for byte in bytes.take(LONGEST - 1) {
        text[length] = *byte;
        length += 1;
    }
    text[length] = b'\n';
    let mut rest = &text[..=length];
    while !rest.is_empty() {
        match sys::write(to, rest) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

/// An answer on standard output. It ends at the first line that cannot be written.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    failed: Option<Errno>,
}

impl Answer {
    pub(crate) fn line(&mut self, parts: &[&[u8]]) {
        if self.failed.is_none() {
            self.failed = write(STDOUT, b"", parts).err();
        }
    }

    /// Whether all of it was written. If not, reports that.
    pub(crate) fn is_whole(&self) -> bool {
        if let Some(errno) = self.failed {
            line(STDERR, &[b"py-exec: write standard output: ", cause(errno)]);
        }
        self.failed.is_none()
    }
}

/// A message in python-exec's form.
pub(crate) fn warn(parts: &[&[u8]]) {
    let _ignored = write(STDERR, b"python-exec: ", parts);
}

/// The text of an error, as strerror(3) has it.
pub(crate) fn cause(errno: Errno) -> &'static [u8] {
    match errno {
        Errno::NOENT => b"No such file or directory",
        Errno::ACCES => b"Permission denied",
        Errno::PERM => b"Operation not permitted",
        Errno::NOEXEC => b"Exec format error",
        Errno::ISDIR => b"Is a directory",
        Errno::NOTDIR => b"Not a directory",
        Errno::LOOP => b"Too many levels of symbolic links",
        Errno::NAMETOOLONG => b"File name too long",
        Errno::TOOBIG => b"Argument list too long",
        Errno::NOMEM => b"Cannot allocate memory",
        Errno::TXTBSY => b"Text file busy",
        Errno::IO => b"Input/output error",
        Errno::MFILE | Errno::NFILE => b"Too many open files",
        Errno::LIBBAD => b"Accessing a corrupted shared library",
        Errno::NOSPC => b"No space left on device",
        Errno::PIPE => b"Broken pipe",
        Errno::BADF => b"Bad file descriptor",
        Errno::FBIG => b"File too large",
        _ => b"Unknown error",
    }
}
