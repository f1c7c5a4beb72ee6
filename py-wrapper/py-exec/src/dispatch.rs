//! Executes the script of the first implementation that can be executed.

use core::ffi::CStr;

use crate::NOT_FOUND;
use crate::candidate::{Candidate, Check};
use crate::order::{self, Visitor, Why};
use crate::place::{self, Defaults, Place};
use crate::say::{self, STDERR};
use crate::settings::with_config;
use crate::sys::{Errno, Start};

/// Becomes the script that the wrapper `called` stands for; that is the argument number `last`.
///
/// It comes back only when there is nothing to run, which has been said.
pub(crate) fn run(start: &Start, called: &CStr, last: usize, defaults: Defaults<'_>) -> i32 {
    let Some(place) = place::find(start, called, defaults) else {
        return NOT_FOUND;
    };
    let mut attempt = Attempt {
        start,
        place: &place,
        last,
    };
    let ordered = order::ordered(&place.root, start.variable(b"EPYTHON"), &mut attempt);
    with_config(start, place.name(), defaults, &mut |config, _| {
        order::walk(&place.root, ordered, config, &mut attempt);
    });
    none_found(&place);
    NOT_FOUND
}

/// The message when nothing can be run.
pub(crate) fn none_found(place: &Place) {
    let root = place.root.as_bytes();
    say::line(
        STDERR,
        &[
            place.name(),
            b": no python-exec wrapped executable found in ",
            root,
            b".",
        ],
    );
}

struct Attempt<'a> {
    start: &'a Start,
    place: &'a Place,
    last: usize,
}

impl Visitor for Attempt<'_> {
    fn visit(&mut self, implementation: &[u8], why: Why) {
        if why == Why::Disabled {
            return;
        }
        let candidate = Candidate::new(self.place, implementation);
        let cause = match candidate.script.c_str() {
            Some(script) => self.start.execute(script, self.last),
            None => Errno::NAMETOOLONG,
        };
        let script = candidate.script.as_bytes();
        match (cause, candidate.check()) {
            (Errno::NOENT | Errno::NOTDIR, Check::Absent) => {}
            (Errno::NOENT, Check::NoInterpreter) => {
                let named = candidate.interpreter();
                let why = b": its interpreter is missing: #!";
                say::warn(&[b"Unable to execute ", script, why, named.as_bytes()]);
            }
            (cause, _) => say::warn(&[
                b"Unable to execute ",
                script,
                b": ",
                say::cause(cause),
                b".",
            ]),
        }
    }
}
