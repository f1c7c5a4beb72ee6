//! The script of one implementation, and whether it can run.

use crate::path::Path;
use crate::place::Place;
use crate::sys::{self, Errno};

/// The script of one implementation. It may be missing.
pub(crate) struct Candidate {
    /// `SCRIPTROOT/EPYTHON/NAME`.
    pub(crate) script: Path,
}

/// The result of a look at the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// It is missing.
    Absent,
    /// It exists, but we may not execute it.
    Forbidden(Errno),
    /// Its first line names an interpreter that is missing.
    NoInterpreter,
    /// Nothing prevents it from running, as far as we can see.
    Ready,
}

impl Candidate {
    pub(crate) fn new(place: &Place, implementation: &[u8]) -> Self {
        let root = place.root.as_bytes();
        Self {
            script: Path::of(&[root, b"/", implementation, b"/", place.name()]),
        }
    }

    pub(crate) fn check(&self) -> Check {
        let Some(script) = self.script.c_str() else {
            return Check::Forbidden(Errno::NAMETOOLONG);
        };
        match sys::stat(script) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Check::Absent,
            Err(cause) => return Check::Forbidden(cause),
            Ok(stat) if !stat.is_file() => return Check::Forbidden(Errno::ACCES),
            Ok(_) => {}
        }
        if let Err(cause) = sys::may_execute(script) {
            return Check::Forbidden(cause);
        }
        let interpreter = self.interpreter();
        let missing = |path: &_| matches!(sys::stat(path), Err(Errno::NOENT | Errno::NOTDIR));
        match interpreter.c_str() {
            Some(path) if !path.is_empty() && missing(path) => Check::NoInterpreter,
            _ => Check::Ready,
        }
    }

    /// The interpreter that the first line names; empty if there is none.
    pub(crate) fn interpreter(&self) -> Path {
        let mut buffer = [0; 256];
        let head = self.script.c_str().and_then(|path| sys::open(path).ok());
        let head = head
            .and_then(|file| file.fill(&mut buffer).ok())
            .unwrap_or_default();
        let line = head.split(|&b| b == b'\n').next().unwrap_or_default();
        let words = line.strip_prefix(b"#!").unwrap_or_default();
        let mut words = words
            .split(|b| b" \t".contains(b))
            .filter(|word| !word.is_empty());
        Path::of(&[words.next().unwrap_or_default()])
    }
}
