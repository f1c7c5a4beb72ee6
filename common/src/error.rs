//! The one shape of every error: what was tried, on what, and why it failed.

use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::Path;

use crate::show;

/// The result of a step that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A step that failed, shown as `verb path: cause` on one line in lower case.
///
/// The tool's name is put before it by whoever prints it ([`report`]).
#[derive(Debug)]
pub struct Error {
    verb: String,
    subject: Option<OsString>,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    System(io::Error),
    Refused(String),
    Said(String),
}

impl Error {
    /// `verb path` failed with `cause`, the answer of a system call.
    pub fn io(
        verb: impl Into<String>,
        path: impl AsRef<Path>,
        cause: impl Into<io::Error>,
    ) -> Self {
        Self {
            verb: verb.into(),
            subject: Some(path.as_ref().as_os_str().to_owned()),
            cause: Cause::System(cause.into()),
        }
    }

    /// `verb subject` is refused because of `cause`, words of our own.
    pub fn refused(
        verb: impl Into<String>,
        subject: impl Into<OsString>,
        cause: impl Into<String>,
    ) -> Self {
        Self {
            verb: verb.into(),
            subject: Some(subject.into()),
            cause: Cause::Refused(cause.into()),
        }
    }

    /// `verb` failed and there is nothing to name but the cause.
    pub fn said(verb: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            verb: verb.into(),
            subject: None,
            cause: Cause::Said(cause.into()),
        }
    }

    /// The kind of the system's answer; [`io::ErrorKind::Other`] where the cause is our own words.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        match &self.cause {
            Cause::System(error) => error.kind(),
            Cause::Refused(_) | Cause::Said(_) => io::ErrorKind::Other,
        }
    }

    /// The number of the system's answer, where a system call gave one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match &self.cause {
            Cause::System(error) => error.raw_os_error(),
            Cause::Refused(_) | Cause::Said(_) => None,
        }
    }

    /// Whether it was made by [`Error::refused`].
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self.cause, Cause::Refused(_))
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.verb)?;
        if let Some(subject) = &self.subject {
            write!(f, " {}", show::name(subject))?;
        }
        match &self.cause {
            Cause::System(error) => write!(f, ": {}", plain(error)),
            Cause::Refused(words) | Cause::Said(words) => write!(f, ": {words}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::System(error) => Some(error),
            Cause::Refused(_) | Cause::Said(_) => None,
        }
    }
}

/// A system's answer in lower case and without the number that Rust adds.
#[must_use]
pub fn plain(error: &io::Error) -> String {
    let mut words = error.to_string();
    if let Some(at) = words.rfind(" (os error ") {
        words.truncate(at);
    }
    // "Is a directory" becomes lower case; "I/O error" is a name and stays.
    let mut chars = words.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(words.chars().skip(1)).collect()
        }
        _ => words,
    }
}

/// Prints `tool: error` on stderr, one line for each error.
///
/// A stderr that cannot be written has no one to be told.
pub fn report<'e>(tool: &str, errors: impl IntoIterator<Item = &'e Error>) {
    for error in errors {
        eprint_line(&format!("{tool}: {error}"));
    }
}

/// Prints one whole line on stderr by one write, so that lines of several tools do not mix.
pub fn eprint_line(line: &str) {
    use io::Write;
    let whole = format!("{line}\n");
    // Where stderr is gone there is no place left to complain at.
    drop(io::stderr().write_all(whole.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_verb_path_cause_in_lower_case() {
        let error = Error::io("open", "/x/y", io::Error::from_raw_os_error(2));
        assert_eq!(error.to_string(), "open /x/y: no such file or directory");
        assert_eq!(error.errno(), Some(2));
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn an_error_stays_one_line_whatever_the_path_holds() {
        let error = Error::refused("merge", "a\nb", "is a directory");
        assert_eq!(error.to_string(), "merge $'a\\nb': is a directory");
    }
}
