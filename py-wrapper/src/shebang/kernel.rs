//! `#!/usr/bin/python3.12 -E`: the kernel starts the interpreter.

use super::form::{Form, first_line, has_blank, is_plain};

/// The line with another interpreter; `None` if such a line cannot say what `form` says.
pub(super) fn write(form: &Form, interpreter: &[u8]) -> Option<Vec<u8>> {
    let argument = match form {
        Form::Kernel { argument } => argument.as_slice(),
        Form::Env { before, .. } if !before.is_empty() => return None,
        Form::Env { after, .. } | Form::Installer { after } => match after.as_slice() {
            [] => b"",
            // The kernel does not expand what env or sh would.
            [word] if is_plain(&word.raw) => word.raw.as_slice(),
            _ => return None,
        },
    };
    first_line(&[interpreter, argument]).filter(|_| !has_blank(interpreter))
}
