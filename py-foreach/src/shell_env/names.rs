//! The names of variables that `--export` asks for.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use common::{Error, Result};

/// One word of `--export`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) variable: String,
    pub(super) how: How,
}

/// How what a job made of a variable joins what the jobs before it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// `NAME`: what it changed is changed; of arrays element by element.
    Set,
    /// `NAME+` or `NAME+=`: what it added at the end of a string is added there.
    Append,
}

impl Name {
    pub(super) fn read(word: &OsStr) -> Result<Self> {
        let bytes = word.as_bytes();
        let stem = bytes
            .strip_suffix(b"+")
            .or_else(|| bytes.strip_suffix(b"+="));
        let (variable, how) = stem.map_or((bytes, How::Set), |stem| (stem, How::Append));
        let text = std::str::from_utf8(variable)
            .ok()
            .filter(|_| is_variable(variable));
        let variable =
            text.ok_or_else(|| Error::refused("export", word, "is no name of a variable"))?;
        Ok(Self {
            variable: variable.to_owned(),
            how,
        })
    }
}

/// Whether a shell can have a variable of this name.
pub(super) fn is_variable(name: &[u8]) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    name.iter().all(word) && name.first().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let read = |word: &str| Name::read(OsStr::new(word)).map(|name| (name.variable, name.how));
        assert_eq!(read("A_1").unwrap(), ("A_1".to_owned(), How::Set));
        assert_eq!(read("A+").unwrap(), ("A".to_owned(), How::Append));
        assert_eq!(read("A+=").unwrap(), ("A".to_owned(), How::Append));
        for word in ["", "+", "1A", "A B", "A[0]", "A;rm", "ä", "A=b"] {
            assert!(read(word).is_err(), "{word}");
        }
    }
}
