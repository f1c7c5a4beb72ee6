//! The lines at the top of a script that say which interpreter runs it.
//!
//! Bytes in, a [`Shebang`] out: the interpreter, its arguments, and how it is reached. Everything
//! goes by words and nothing by substrings. Three ways are known: the kernel's own (`#!/usr/bin/python3`),
//! through env(1) (`#!/usr/bin/env -S A=b python3 -E`), and the text that installers write when a path is
//! too long for the kernel or has a blank in it (`#!/bin/sh` and a line that begins with `'''exec'`).

mod env;
mod words;

use words::{Word, is_blank, split};

/// The longest line that every kernel takes whole, in bytes and without the newline: 127 before
/// Linux 5.1, 255 since (execve(2)).
const LONGEST_LINE: usize = 127;

/// A byte order mark: the kernel does not see the `#!` behind it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the first lines of a file say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shebang {
    /// The interpreter as the line names it: a path or a bare name.
    pub interpreter: Vec<u8>,
    way: Way,
    /// How many bytes of the file these lines take, the last newline included.
    pub length: usize,
    ended: bool,
}

/// How the interpreter is reached, and what it is given before the script's name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// By the kernel, which hands everything after the interpreter on as one argument.
    Kernel { argument: Vec<u8> },
    /// By env, with the words that stand before and after the interpreter.
    Env {
        env: Vec<u8>,
        before: Vec<Word>,
        after: Vec<Word>,
    },
    /// By sh, from the text of installers.
    Shell { after: Vec<Word> },
}

/// Why the first lines name no interpreter that we could exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoShebang {
    /// There is not one byte.
    Empty,
    /// An ELF program or library.
    Elf,
    /// A byte order mark before the `#!`.
    ByteOrderMark,
    /// Something else without `#!`.
    None,
    /// `#!` and nothing, or words of env that we do not know.
    Unclear,
}

/// Reads the first lines of a file.
pub fn parse(file: &[u8]) -> Result<Shebang, NoShebang> {
    let Some(text) = file.strip_prefix(b"#!") else {
        return Err(no_shebang(file));
    };
    let (line, newline) = first_line(text);
    let length = 2 + line.len() + newline;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.trim_ascii();
    let at = line.iter().position(|&b| is_blank(b));
    let (program, argument) = line.split_at(at.unwrap_or(line.len()));
    let argument = argument.trim_ascii();
    let (interpreter, way, length) = match base(program) {
        b"" => return Err(NoShebang::Unclear),
        b"env" => {
            let env = env::parse(argument).ok_or(NoShebang::Unclear)?;
            let way = Way::Env {
                env: program.to_vec(),
                before: env.before,
                after: env.after,
            };
            (env.program, way, length)
        }
        b"sh" if argument.is_empty() => match installers_text(&file[length..]) {
            Some((interpreter, after, more)) => (interpreter, Way::Shell { after }, length + more),
            None => (program.to_vec(), kernel(argument), length),
        },
        _ => (program.to_vec(), kernel(argument), length),
    };
    Ok(Shebang {
        interpreter,
        way,
        length,
        ended: newline == 1,
    })
}

impl Shebang {
    /// The last part of the interpreter's path: `python3.12`.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        base(&self.interpreter)
    }

    /// Whether every kernel takes the first line whole.
    #[must_use]
    pub fn is_short(&self) -> bool {
        let newline = usize::from(self.ended);
        matches!(self.way, Way::Shell { .. }) || self.length - newline <= LONGEST_LINE
    }

    /// The same lines with another interpreter, in the plainest way that carries the arguments;
    /// nothing where no line can carry them.
    #[must_use]
    pub fn naming(&self, interpreter: &[u8]) -> Option<Vec<u8>> {
        let mut lines = self
            .kernel_line(interpreter)
            .or_else(|| self.env_line(interpreter))
            .or_else(|| self.shell_lines(interpreter))?;
        if !self.ended {
            lines.pop();
        }
        Some(lines)
    }

    fn kernel_line(&self, interpreter: &[u8]) -> Option<Vec<u8>> {
        let argument = match &self.way {
            Way::Kernel { argument } => argument.as_slice(),
            Way::Env { before, .. } if !before.is_empty() => return None,
            Way::Env { after, .. } | Way::Shell { after } => match after.as_slice() {
                [] => b"",
                // What env or sh would expand, the kernel would hand on as it is.
                [word] if is_plain(&word.raw) => word.raw.as_slice(),
                _ => return None,
            },
        };
        let line = joined(&[interpreter, argument]);
        let fits = line.len() + 2 <= LONGEST_LINE && !interpreter.iter().any(|&b| is_blank(b));
        fits.then(|| [b"#!", line.as_slice(), b"\n"].concat())
    }

    fn env_line(&self, interpreter: &[u8]) -> Option<Vec<u8>> {
        let Way::Env { env, before, after } = &self.way else {
            return None;
        };
        let mut words: Vec<&[u8]> = vec![env, b"-S"];
        words.extend(before.iter().map(|word| word.raw.as_slice()));
        words.push(interpreter);
        words.extend(after.iter().map(|word| word.raw.as_slice()));
        let line = joined(&words);
        let fits =
            line.len() + 2 <= LONGEST_LINE && is_plain(interpreter) && is_program(interpreter);
        fits.then(|| [b"#!", line.as_slice(), b"\n"].concat())
    }

    /// The text of installers: sh runs its second line, and to Python it is a string.
    fn shell_lines(&self, interpreter: &[u8]) -> Option<Vec<u8>> {
        let quoted = double_quoted(interpreter)?;
        let mut words: Vec<Vec<u8>> = vec![b"'''exec'".to_vec()];
        match &self.way {
            Way::Kernel { argument } => {
                words.push(quoted);
                if !argument.is_empty() {
                    words.push(double_quoted(argument)?);
                }
            }
            Way::Env { env, before, after } => {
                if !before.is_empty() {
                    is_program(interpreter).then_some(())?;
                    words.push(double_quoted(env)?);
                }
                for word in before {
                    words.push(word_for_sh(word)?);
                }
                words.push(quoted);
                for word in after {
                    words.push(word_for_sh(word)?);
                }
            }
            Way::Shell { after } => {
                words.push(quoted);
                words.extend(after.iter().map(|word| word.raw.clone()));
            }
        }
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let line = joined(&words);
        Some([b"#!/bin/sh\n", line.as_slice(), b" \"$0\" \"$@\"\n' '''\n"].concat())
    }
}

fn kernel(argument: &[u8]) -> Way {
    Way::Kernel {
        argument: argument.to_vec(),
    }
}

fn no_shebang(file: &[u8]) -> NoShebang {
    match file {
        [] => NoShebang::Empty,
        [0x7f, b'E', b'L', b'F', ..] => NoShebang::Elf,
        _ if file.starts_with(BYTE_ORDER_MARK) => NoShebang::ByteOrderMark,
        _ => NoShebang::None,
    }
}

/// The first line without its newline, and the newline's length.
fn first_line(text: &[u8]) -> (&[u8], usize) {
    match text.iter().position(|&b| b == b'\n') {
        Some(at) => (&text[..at], 1),
        None => (text, 0),
    }
}

/// `'''exec' INTERPRETER ARG… "$0" "$@"` and `' '''`: the interpreter, the arguments, the length.
fn installers_text(text: &[u8]) -> Option<(Vec<u8>, Vec<Word>, usize)> {
    let (exec, newline) = first_line(text);
    let (close, last) = first_line(&text[exec.len() + newline..]);
    if close.trim_ascii_end() != b"' '''" {
        return None;
    }
    let command = exec
        .strip_prefix(b"'''exec'")
        .filter(|c| c.first().is_some_and(|&b| is_blank(b)))?;
    let mut words = split(command.trim_ascii())?;
    if words.pop()?.raw != b"\"$@\"" || words.pop()?.raw != b"\"$0\"" || words.is_empty() {
        return None;
    }
    let interpreter = words.remove(0).plain;
    let length = exec.len() + newline + close.len() + last;
    Some((interpreter, words, length))
}

/// What follows the last slash.
fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or(path)
}

fn joined(words: &[&[u8]]) -> Vec<u8> {
    let there: Vec<&[u8]> = words.iter().filter(|w| !w.is_empty()).copied().collect();
    there.join(&b' ')
}

/// Whether env takes a word for the program to run, and not for an assignment.
fn is_program(word: &[u8]) -> bool {
    !word.contains(&b'=')
}

/// A word of env's as sh has to be told it; nothing where env does with it what sh does not.
fn word_for_sh(word: &Word) -> Option<Vec<u8>> {
    if is_plain(&word.raw) {
        return Some(word.raw.clone());
    }
    let is_escaped = word.raw.contains(&b'\\');
    double_quoted(&word.plain).filter(|_| !is_escaped)
}

/// Whether a word means itself to env and sh.
fn is_plain(word: &[u8]) -> bool {
    word.iter()
        .all(|b| b.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(b))
}

/// A word for sh that is also fit to stand in a Python string: no quote in it, no backslash.
fn double_quoted(word: &[u8]) -> Option<Vec<u8>> {
    let fits = !word.iter().any(|b| b"\"\\$`'\n".contains(b));
    fits.then(|| [b"\"", word, b"\""].concat())
}
