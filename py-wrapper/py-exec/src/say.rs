//! Messages: parts put together in one buffer and written by one call.

use crate::sys::{self, Errno};

/// The longest message; more is cut off.
const LONGEST: usize = 8192;

/// Standard output.
pub(crate) const STDOUT: i32 = 1;
/// Standard error.
pub(crate) const STDERR: i32 = 2;

/// Writes `parts` and a newline to `to`.
///
/// What cannot be written has no one to be told.
#[inline(never)]
pub(crate) fn line(to: i32, parts: &[&[u8]]) {
    let mut text = [0; LONGEST];
    let mut length = 0;
    for part in parts.iter().flat_map(|part| part.iter()) {
        if length < LONGEST - 1 {
            text[length] = *part;
            length += 1;
        }
    }
    text[length] = b'\n';
    let mut rest = &text[..=length];
    while !rest.is_empty() {
        match sys::write(to, rest) {
            Ok(0) => return,
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// A message in python-exec's form.
pub(crate) fn warn(parts: &[&[u8]]) {
    let mut all: [&[u8]; 8] = [b""; 8];
    all[0] = b"python-exec: ";
    for (place, part) in all[1..].iter_mut().zip(parts) {
        *place = part;
    }
    line(STDERR, &all);
}

/// What the kernel's answer means, in the words of strerror(3).
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
        Errno::FBIG => b"File too large",
        _ => b"Unknown error",
    }
}
