//! The words of an `env` line: options, assignments, then the program.

use super::words::{Word, split};

/// What env is asked to run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Env {
    /// The program, a bare name or a path.
    pub(super) program: Vec<u8>,
    /// Options and assignments before it; `-S` itself is left out.
    pub(super) before: Vec<Word>,
    /// What the program is given.
    pub(super) after: Vec<Word>,
}

/// Reads what follows `#!/usr/bin/env`; nothing where a word is not understood.
///
/// Without `-S` the kernel hands all of it to env as one word, so that a line with a variable and no
/// `-S` does not run; it is read as it was meant.
pub(super) fn parse(line: &[u8]) -> Option<Env> {
    let mut words = split(line)?.into_iter();
    let mut before = Vec::new();
    loop {
        let word = words.next()?;
        match option(&word)? {
            Take::Split => {}
            Take::SplitAt(length) => {
                let text = |bytes: &[u8]| bytes.get(length..).map(<[u8]>::to_vec);
                let first = Word {
                    raw: text(&word.raw)?,
                    plain: text(&word.plain)?,
                };
                // The rest of this word is the first word of the string.
                let rest = words.collect::<Vec<_>>();
                words = std::iter::once(first)
                    .chain(rest)
                    .collect::<Vec<_>>()
                    .into_iter();
            }
            Take::One => before.push(word),
            Take::Two => before.extend([word, words.next()?]),
            Take::Program => {
                let program = word.plain;
                let after = words.collect();
                return Some(Env {
                    program,
                    before,
                    after,
                });
            }
        }
    }
}

enum Take {
    /// `-S` alone: what follows is its string.
    Split,
    /// `-S` with its string in the same word, which begins at this byte.
    SplitAt(usize),
    /// An option or an assignment.
    One,
    /// An option and its value.
    Two,
    /// No option: the program.
    Program,
}

fn option(word: &Word) -> Option<Take> {
    const SPLIT: &[u8] = b"--split-string";
    let text = word.plain.as_slice();
    Some(match text {
        b"-S" | b"-vS" | b"--split-string" => Take::Split,
        b"-" | b"--" | b"-i" | b"--ignore-environment" | b"-v" | b"--debug" => Take::One,
        b"-u" | b"--unset" | b"-C" | b"--chdir" => Take::Two,
        _ if text.starts_with(b"--unset=") || text.starts_with(b"--chdir=") => Take::One,
        _ if text.starts_with(SPLIT) && text.get(SPLIT.len()) == Some(&b'=') => {
            Take::SplitAt(SPLIT.len() + 1)
        }
        _ if text.starts_with(b"-S") => Take::SplitAt(2),
        _ if text.starts_with(b"-") || word.raw.contains(&b'$') => return None,
        _ if text.contains(&b'=') => Take::One,
        _ => Take::Program,
    })
}
