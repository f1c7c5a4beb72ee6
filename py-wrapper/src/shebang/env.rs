//! `#!/usr/bin/env -S A=b python3 -E`: env finds and starts the interpreter.

use super::form::{Form, first_line, is_plain, is_program};
use super::words::{Word, split};

/// Reads what follows `#!/usr/bin/env`: the interpreter, and the form. `None` if a word is not understood.
///
/// Without `-S` the kernel passes all of it to env as one word, so a line with a variable and no `-S` does not run. It
/// is read as it was meant.
pub(super) fn parse(env: &[u8], line: &[u8]) -> Option<(Vec<u8>, Form)> {
    let mut words: std::collections::VecDeque<Word> = split(line)?.into();
    let mut before = Vec::new();
    loop {
        let word = words.pop_front()?;
        match option(&word)? {
            Take::Split => {}
            Take::SplitAt(length) => {
                // The rest of this word is the first word of the string.
                let rest = |bytes: &[u8]| bytes.get(length..).map(<[u8]>::to_vec);
                let (raw, plain) = (rest(&word.raw)?, rest(&word.plain)?);
                words.push_front(Word { raw, plain });
            }
            Take::One => before.push(word),
            Take::Two => before.extend([word, words.pop_front()?]),
            Take::Program => {
                let (env, after) = (env.to_vec(), words.into());
                return Some((word.plain, Form::Env { env, before, after }));
            }
        }
    }
}

/// The line with another interpreter; `None` if such a line cannot say what `form` says.
pub(super) fn write(form: &Form, interpreter: &[u8]) -> Option<Vec<u8>> {
    let Form::Env { env, before, after } = form else {
        return None;
    };
    let raw = |words: &'_ [Word]| {
        words
            .iter()
            .map(|word| word.raw.clone())
            .collect::<Vec<_>>()
    };
    let words = [
        vec![env.clone(), b"-S".to_vec()],
        raw(before),
        vec![interpreter.to_vec()],
        raw(after),
    ];
    let words = words.concat();
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    first_line(&words).filter(|_| is_plain(interpreter) && is_program(interpreter))
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
