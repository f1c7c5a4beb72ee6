//! Bytes that go to a person: a name is shown so that a line stays a line.
//!
//! Paths and arguments are bytes and may hold newlines, escapes and what is not UTF-8. Where that
//! is so, the name is written as bash's `$'…'`, which can be pasted back; else it is written as it is.

use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A name on its way to a terminal or a log; see [`name`] and [`path`].
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
                c if c.is_control() => {
                    let mut units = [0; 4];
                    for byte in c.encode_utf8(&mut units).bytes() {
                        write!(f, "\\x{byte:02x}")?;
                    }
                }
                c => f.write_char(c)?,
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    f.write_char('\'')
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
