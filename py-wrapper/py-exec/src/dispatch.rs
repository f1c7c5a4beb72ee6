//! Executes the script of the first implementation that can be executed.

use core::ffi::CStr;

use crate::NOT_FOUND;
use crate::candidate::{Candidate, Check};
use crate::order::{self, Why};
use crate::place::{self, Defaults, Place};
use crate::say::{self, STDERR};
use crate::settings::Settings;
use crate::sys::{Errno, Start};

/// Becomes the script for the wrapper `called`, which is the argument number `last`.
///
/// It returns only if no script can be executed, and has reported that.
pub(crate) fn run(start: &Start, called: &CStr, last: usize, defaults: Defaults<'_>) -> i32 {
    let Some(place) = place::find(start, called, defaults) else {
        return NOT_FOUND;
    };
    let mut attempt = |implementation: &[u8], why| {
        if why != Why::Disabled {
            attempt(start, &Candidate::new(&place, implementation), last);
        }
    };
    let epython = order::epython(start, &place.root, &mut attempt);
    // Read only now: a script that EPYTHON names needs no configuration.
    let settings = Settings::read(start, place.name(), defaults);
    order::walk(&place.root, epython, settings.config(), &mut attempt);
    none_found(&place);
    NOT_FOUND
}

/// Reports that no implementation has the script.
pub(crate) fn none_found(place: &Place) {
    let why = b": no python-exec wrapped executable found in ";
    let root = place.root.as_bytes();
    say::line(STDERR, &[place.name(), why, root, b"."]);
}

fn attempt(start: &Start, candidate: &Candidate, last: usize) {
    let cause = match candidate.script.c_str() {
        Some(script) => start.execute(script, last),
        None => Errno::NAMETOOLONG,
    };
    let script = candidate.script.as_bytes();
    let unable = b"Unable to execute ";
    match (cause, candidate.check()) {
        (Errno::NOENT | Errno::NOTDIR, Check::Absent) => {}
        (Errno::NOENT, Check::NoInterpreter) => {
            let why = b": its interpreter is missing: #!";
            say::warn(&[unable, script, why, candidate.interpreter().as_bytes()]);
        }
        (cause, _) => say::warn(&[unable, script, b": ", say::cause(cause), b"."]),
    }
}
