//! `--explain` and `--list-implementations`: the same walk, printed and not taken.

use core::ffi::CStr;

use crate::candidate::{Candidate, Check};
use crate::config::Config;
use crate::dispatch::none_found;
use crate::order::{self, Visitor, Why};
use crate::path::Path;
use crate::place::{self, Defaults, Place};
use crate::say::{self, Answer};
use crate::settings::with_config;
use crate::sys::Start;
use crate::{MISUSED, NOT_FOUND};

/// Prints every candidate for the wrapper `called`, with the reason why it is or is not taken.
pub(crate) fn explain(start: &Start, called: &CStr, defaults: Defaults<'_>) -> i32 {
    let Some(place) = place::find(start, called, defaults) else {
        return NOT_FOUND;
    };
    let mut printer = Printer {
        place: &place,
        taken: false,
        answer: Answer::default(),
    };
    printer
        .answer
        .line(&[b"script root: ", place.root.as_bytes()]);
    let ordered = order::ordered(&place.root, start.variable(b"EPYTHON"), &mut printer);
    with_config(start, place.name(), defaults, &mut |config, path| {
        let path = path.map_or(&b"none"[..], |path| path.as_bytes());
        printer.answer.line(&[b"configuration: ", path]);
        order::walk(&place.root, ordered, config, &mut printer);
    });
    if !printer.answer.is_whole() {
        return MISUSED;
    }
    if printer.taken {
        return 0;
    }
    none_found(&place);
    NOT_FOUND
}

struct Printer<'a> {
    place: &'a Place,
    taken: bool,
    answer: Answer,
}

impl Visitor for Printer<'_> {
    fn visit(&mut self, implementation: &[u8], why: Why) {
        let candidate = Candidate::new(self.place, implementation);
        let script = candidate.script.as_bytes();
        let why: &[u8] = match why {
            Why::Ordered => b" (EPYTHON): ",
            Why::Configured => b" (configured): ",
            Why::There => b" (there): ",
            Why::Disabled => {
                let why = b": not taken: disabled by the configuration";
                return self.answer.line(&[implementation, why]);
            }
        };
        let interpreter = candidate.interpreter();
        let mut say = |parts: [&[u8]; 3]| {
            let answer = &mut self.answer;
            answer.line(&[implementation, why, parts[0], parts[1], parts[2]]);
        };
        match candidate.check() {
            Check::Absent => say([b"not taken: no ", script, b""]),
            Check::Forbidden(cause) => say([script, b" cannot be executed: ", say::cause(cause)]),
            Check::NoInterpreter => {
                say([
                    b"not taken: its interpreter is missing: #!",
                    interpreter.as_bytes(),
                    b"",
                ]);
            }
            Check::Ready if self.taken => say([b"not needed: ", script, b""]),
            Check::Ready => {
                say([b"taken: ", script, b""]);
                self.taken = true;
            }
        }
    }
}

/// Prints the implementations in the script root, the most preferred first.
pub(crate) fn list(defaults: Defaults<'_>) -> i32 {
    let root = Path::of(&[defaults.root]);
    let mut names = Names(Answer::default());
    order::walk(&root, None, Config::default(), &mut names);
    if names.0.is_whole() { 0 } else { MISUSED }
}

struct Names(Answer);

impl Visitor for Names {
    fn visit(&mut self, implementation: &[u8], _: Why) {
        self.0.line(&[implementation]);
    }
}
