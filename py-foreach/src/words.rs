//! Words of lists and of shells.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The words of a list, which commas and blanks separate.
pub(crate) fn split(list: &OsStr) -> Vec<OsString> {
    let words = list
        .as_bytes()
        .split(|&byte| byte == b',' || byte.is_ascii_whitespace());
    words
        .filter(|word| !word.is_empty())
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect()
}

/// A word as a shell reads it back.
pub(crate) fn quoted(word: &OsStr) -> Vec<u8> {
    let parts: Vec<&[u8]> = word.as_bytes().split(|&byte| byte == b'\'').collect();
    [b"'", parts.join(&b"'\\''"[..]).as_slice(), b"'"].concat()
}

/// A word as a person would type it.
pub(crate) fn typed(word: &OsStr) -> String {
    let shown = common::show::name(word).to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if shown.chars().all(plain) || shown.starts_with("$'") || shown == "''" {
        return shown;
    }
    String::from_utf8_lossy(&quoted(word)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_blanks_separate_words() {
        assert_eq!(
            split(OsStr::new(" pypy3,python3_12\n, ")),
            ["pypy3", "python3_12"]
        );
        assert!(split(OsStr::new(" ,")).is_empty());
    }

    #[test]
    fn a_shell_reads_words_back() {
        for (word, shown) in [
            ("--x=1", "--x=1"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
            ("\n", "$'\\n'"),
        ] {
            assert_eq!(typed(OsStr::new(word)), shown);
        }
        assert_eq!(quoted(OsStr::new("it's")), b"'it'\\''s'");
        assert_eq!(quoted(OsStr::new("")), b"''");
    }
}
