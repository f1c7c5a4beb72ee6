//! The forms of first lines, and the words that they are made of.

use super::words::{Word, is_blank};

/// The longest line that every kernel takes whole, in bytes and without the newline: 127 before Linux 5.1, 255
/// since (execve(2)).
pub(super) const LONGEST_LINE: usize = 127;

/// How the interpreter is reached, and what it gets before the script's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// By the kernel, which passes everything after the interpreter on as one argument.
    Kernel { argument: Vec<u8> },
    /// By env, with the words before and after the interpreter.
    Env {
        env: Vec<u8>,
        before: Vec<Word>,
        after: Vec<Word>,
    },
    /// By sh, from the lines that installers write.
    Installer { after: Vec<Word> },
}

/// Words with a blank between them; empty ones are left out.
pub(super) fn joined(words: &[&[u8]]) -> Vec<u8> {
    let words: Vec<&[u8]> = words.iter().filter(|w| !w.is_empty()).copied().collect();
    words.join(&b' ')
}

/// A first line of these words, if every kernel takes it whole.
pub(super) fn first_line(words: &[&[u8]]) -> Option<Vec<u8>> {
    let line = [b"#!", joined(words).as_slice()].concat();
    (line.len() <= LONGEST_LINE).then(|| [line.as_slice(), b"\n"].concat())
}

/// Whether a word is the same to the kernel, env, sh and a Python string.
pub(super) fn is_plain(word: &[u8]) -> bool {
    word.iter()
        .all(|b| b.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(b))
}

/// Whether a blank ends the word early.
pub(super) fn has_blank(word: &[u8]) -> bool {
    word.iter().any(|&b| is_blank(b))
}

/// Whether env takes a word for the program, and not for an assignment.
pub(super) fn is_program(word: &[u8]) -> bool {
    !word.contains(&b'=')
}
