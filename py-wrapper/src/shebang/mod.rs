//! The lines at the top of a script that say which interpreter runs it.
//!
//! Bytes in, a [`Shebang`] out: the interpreter, its arguments, and how it is reached. Everything goes by words and
//! nothing by substrings. There is a module for each form of line that is known; a new form gets one too.

mod env;
mod form;
mod installer;
mod kernel;
mod words;

use form::{Form, LONGEST_LINE};
use words::{is_blank, take_line};

/// What the first lines of a file say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shebang {
    /// The interpreter as the line names it: a path or a bare name.
    pub interpreter: Vec<u8>,
    form: Form,
    /// How many bytes of the file these lines take, the last newline included.
    pub length: usize,
    /// Whether a newline ends the first line.
    is_ended: bool,
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
    let (line, rest) = take_line(text);
    let is_ended = line.len() < text.len();
    let mut length = file.len() - rest.len();
    let line = line.trim_ascii();
    let at = line.iter().position(|&b| is_blank(b));
    let (program, argument) = line.split_at(at.unwrap_or(line.len()));
    let argument = argument.trim_ascii();
    let mut interpreter = program.to_vec();
    let mut form = Form::Kernel {
        argument: argument.to_vec(),
    };
    match base(program) {
        b"" => return Err(NoShebang::Unclear),
        b"env" => {
            (interpreter, form) = env::parse(program, argument).ok_or(NoShebang::Unclear)?;
        }
        b"sh" if argument.is_empty() => {
            if let Some(lines) = installer::parse(rest) {
                interpreter = lines.interpreter;
                form = Form::Installer { after: lines.after };
                length += lines.length;
            }
        }
        _ => {}
    }
    Ok(Shebang {
        interpreter,
        form,
        length,
        is_ended,
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
        let newline = usize::from(self.is_ended);
        matches!(self.form, Form::Installer { .. }) || self.length - newline <= LONGEST_LINE
    }

    /// The same lines with another interpreter, in the simplest form that carries the arguments; `None` if no form
    /// can.
    #[must_use]
    pub fn naming(&self, interpreter: &[u8]) -> Option<Vec<u8>> {
        let mut lines = kernel::write(&self.form, interpreter)
            .or_else(|| env::write(&self.form, interpreter))
            .or_else(|| installer::write(&self.form, interpreter))?;
        if !self.is_ended {
            lines.pop();
        }
        Some(lines)
    }
}

fn no_shebang(file: &[u8]) -> NoShebang {
    match file {
        [] => NoShebang::Empty,
        [0x7f, b'E', b'L', b'F', ..] => NoShebang::Elf,
        // The kernel does not see a `#!` behind it.
        [0xef, 0xbb, 0xbf, ..] => NoShebang::ByteOrderMark,
        _ => NoShebang::None,
    }
}

/// What follows the last slash.
fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or(path)
}
