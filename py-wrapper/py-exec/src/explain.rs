//! `--explain` and `--list-implementations`: the same walk, printed and not executed.

use core::ffi::CStr;

use crate::candidate::{Candidate, Check};
use crate::config::Config;
use crate::dispatch::none_found;
use crate::order::{self, Why};
use crate::path::Path;
use crate::place::{self, Defaults, Place};
use crate::say::{self, Answer};
use crate::settings::Settings;
use crate::sys::Start;
use crate::{MISUSED, NOT_FOUND};

/// Prints every candidate for the wrapper `called`, with the reason why it is taken or not.
pub(crate) fn explain(start: &Start, called: &CStr, defaults: Defaults<'_>) -> i32 {
    let Some(place) = place::find(start, called, defaults) else {
        return NOT_FOUND;
    };
    let mut printer = Printer {
        place: &place,
        is_taken: false,
        answer: Answer::default(),
    };
    let root = &place.root;
    printer.answer.line(&[b"script root: ", root.as_bytes()]);
    let epython = order::epython(start, root, &mut |name, why| printer.visit(name, why));
    let settings = Settings::read(start, place.name(), defaults);
    let file = settings.path().map_or(&b"none"[..], Path::as_bytes);
    printer.answer.line(&[b"configuration: ", file]);
    order::walk(root, epython, settings.config(), &mut |name, why| {
        printer.visit(name, why);
    });
    if !printer.answer.is_whole() {
        return MISUSED;
    }
    if printer.is_taken {
        return 0;
    }
    none_found(&place);
    NOT_FOUND
}

struct Printer<'a> {
    place: &'a Place,
    is_taken: bool,
    answer: Answer,
}

impl Printer<'_> {
    fn visit(&mut self, implementation: &[u8], why: Why) {
        let candidate = Candidate::new(self.place, implementation);
        let script = candidate.script.as_bytes();
        let interpreter = candidate.interpreter();
        let why: &[u8] = match why {
            Why::Epython => b" (EPYTHON): ",
            Why::Configured => b" (configured): ",
            Why::Present => b" (there): ",
            Why::Disabled => {
                let why = b": not taken: disabled by the configuration";
                return self.answer.line(&[implementation, why]);
            }
        };
        let [before, path, after]: [&[u8]; 3] = match candidate.check() {
            Check::Absent => [b"not taken: no ", script, b""],
            Check::Forbidden(cause) => [script, b" cannot be executed: ", say::cause(cause)],
            Check::NoInterpreter => {
                let missing = b"not taken: its interpreter is missing: #!";
                [missing, interpreter.as_bytes(), b""]
            }
            Check::Ready if self.is_taken => [b"not needed: ", script, b""],
            Check::Ready => {
                self.is_taken = true;
                [b"taken: ", script, b""]
            }
        };
        let line = [implementation, why, before, path, after];
        self.answer.line(&line);
    }
}

/// Prints the implementations in the script root, the most preferred first.
pub(crate) fn list(defaults: Defaults<'_>) -> i32 {
    let root = Path::of(&[defaults.root]);
    let mut answer = Answer::default();
    order::walk(&root, None, Config::default(), &mut |implementation, _| {
        answer.line(&[implementation]);
    });
    if answer.is_whole() { 0 } else { MISUSED }
}
