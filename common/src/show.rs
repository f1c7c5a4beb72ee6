//! Names for people: a name never breaks a line or confuses a terminal.
//!
//! Paths and arguments are bytes. A name with control characters, or one that is not UTF-8, is written as bash's
//! `$'…'`, which can be pasted back into a shell. All others are written unchanged.

use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A name that can be printed; see [`name`] and [`path`].
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(&'a [u8]);

/// Shows a name or an argument.
pub fn name<S: AsRef<OsStr> + ?Sized>(name: &S) -> Shown<'_> {
    Shown(name.as_ref().as_bytes())
}

/// Shows a path.
pub fn path<P: AsRef<Path> + ?Sized>(path: &P) -> Shown<'_> {
    Shown(path.as_ref().as_os_str().as_bytes())
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(self.0) {
            Ok("") => f.write_str("''"),
            Ok(text) if !text.chars().any(char::is_control) => f.write_str(text),
            _ => quoted(self.0, f),
        }
    }
}

fn quoted(bytes: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("$'")?;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                '\'' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() => hex(c.encode_utf8(&mut [0; 4]).as_bytes(), f)?,
                c => f.write_char(c)?,
            }
        }
        hex(chunk.invalid(), f)?;
    }
    f.write_char('\'')
}

fn hex(bytes: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    let mut bytes = bytes.iter();
    bytes.try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stay_as_they_are() {
        assert_eq!(name("usr/lib/ä b").to_string(), "usr/lib/ä b");
        assert_eq!(name("it's").to_string(), "it's");
        assert_eq!(name("").to_string(), "''");
    }

    #[test]
    fn what_would_break_a_line_or_a_terminal_is_quoted() {
        assert_eq!(name("a\nb'c").to_string(), r"$'a\nb\'c'");
        assert_eq!(name("\x1b[31m\u{9b}").to_string(), r"$'\x1b[31m\xc2\x9b'");
        assert_eq!(
            name(OsStr::from_bytes(b"\xff\\x")).to_string(),
            r"$'\xff\\x'"
        );
    }
}
