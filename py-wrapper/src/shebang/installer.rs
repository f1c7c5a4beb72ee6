//! The lines that installers write when a path is too long for the kernel or has a blank in it:
//!
//! ```text
//! #!/bin/sh
//! '''exec' "/a long path/python3.12" "$0" "$@"
//! ' '''
//! ```
//!
//! sh runs the second line. To Python the second and third one are a string.

use super::form::{Form, is_plain, is_program, joined};
use super::words::{Word, is_blank, split, take_line};

/// What such lines say.
pub(super) struct Lines {
    pub(super) interpreter: Vec<u8>,
    pub(super) after: Vec<Word>,
    /// How many bytes they take.
    pub(super) length: usize,
}

/// Reads what follows `#!/bin/sh`; `None` if it has another form.
pub(super) fn parse(text: &[u8]) -> Option<Lines> {
    let (exec, rest) = take_line(text);
    let (close, rest) = take_line(rest);
    if close.trim_ascii_end() != b"' '''" {
        return None;
    }
    let command = exec.strip_prefix(b"'''exec'")?;
    command.first().filter(|&&b| is_blank(b))?;
    let mut words = split(command.trim_ascii())?;
    if words.pop()?.raw != b"\"$@\"" || words.pop()?.raw != b"\"$0\"" || words.is_empty() {
        return None;
    }
    Some(Lines {
        interpreter: words.remove(0).plain,
        after: words,
        length: text.len() - rest.len(),
    })
}

/// The lines with another interpreter; `None` if they cannot say what `form` says.
pub(super) fn write(form: &Form, interpreter: &[u8]) -> Option<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = vec![b"'''exec'".to_vec()];
    let quoted = double_quoted(interpreter)?;
    match form {
        Form::Kernel { argument } => {
            words.push(quoted);
            if !argument.is_empty() {
                words.push(double_quoted(argument)?);
            }
        }
        Form::Env { env, before, after } => {
            if !before.is_empty() {
                is_program(interpreter).then_some(())?;
                words.push(double_quoted(env)?);
            }
            words.extend(before.iter().map(word_of_env).collect::<Option<Vec<_>>>()?);
            words.push(quoted);
            words.extend(after.iter().map(word_of_env).collect::<Option<Vec<_>>>()?);
        }
        Form::Installer { after } => {
            words.push(quoted);
            words.extend(after.iter().map(|word| word.raw.clone()));
        }
    }
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let line = joined(&words);
    Some([b"#!/bin/sh\n", line.as_slice(), b" \"$0\" \"$@\"\n' '''\n"].concat())
}

/// A word of env, written for sh; `None` if env does with it what sh does not.
fn word_of_env(word: &Word) -> Option<Vec<u8>> {
    if is_plain(&word.raw) {
        return Some(word.raw.clone());
    }
    double_quoted(&word.plain).filter(|_| !word.raw.contains(&b'\\'))
}

/// A word for sh that may also stand in a Python string: no quote in it, no backslash.
fn double_quoted(word: &[u8]) -> Option<Vec<u8>> {
    let fits = !word.iter().any(|b| b"\"\\$`'\n".contains(b));
    fits.then(|| [b"\"", word, b"\""].concat())
}
