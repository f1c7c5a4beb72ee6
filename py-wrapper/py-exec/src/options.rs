//! What the program was called as, and what it was asked for.
//!
//! Called by another name than its own it is a wrapper. Called by its own, it was started for a text whose
//! first line names it, and that text's path is an argument; or a person asks it something.

use core::ffi::CStr;

use crate::place::{Defaults, is_program};
use crate::say::{self, STDERR, STDOUT};
use crate::sys::Start;
use crate::{NOT_FOUND, SCRIPT_ROOT, SYSCONFDIR, dispatch, explain};

/// The layout that the first line of a text names: `--layout=SCRIPTROOT:SYSCONFDIR`.
const LAYOUT: &[u8] = b"--layout=";

const USAGE: &[u8] = b"Usage: py-exec SCRIPT [ARG...]
       py-exec --explain NAME
       py-exec --list-implementations";

const HELP: &[u8] = b"
Starts SCRIPT, a link to py-exec2 or a copy of it, by the Python that is preferred.

  --explain NAME           print every candidate with the reason why it is taken or not
  --list-implementations   print the implementations in the script root
  --layout=ROOT:ETC        what to assume instead of the layout that was set when it was built;
                           only as the first argument, as in the first line of a script
  --help                   print this
  --version                print the version";

/// Runs the program and returns its exit status, unless it becomes the script.
#[must_use]
pub fn run(start: &Start) -> i32 {
    let built = Defaults {
        root: SCRIPT_ROOT.as_bytes(),
        sysconfdir: SYSCONFDIR.as_bytes(),
    };
    let Some(called) = start.argument(0) else {
        say::warn(&[b"called without a name"]);
        return NOT_FOUND;
    };
    if !is_program(called.to_bytes()) {
        return dispatch::run(start, called, 0, built);
    }
    let layout = start
        .argument(1)
        .and_then(|word| word.to_bytes().strip_prefix(LAYOUT));
    let (defaults, at) = match layout {
        Some(layout) => (layout_of(layout, built), 2),
        None => (built, 1),
    };
    match start.argument(at) {
        Some(word) => asked(start, word, at, defaults),
        None => usage(),
    }
}

fn asked(start: &Start, word: &CStr, at: usize, defaults: Defaults<'_>) -> i32 {
    match (word.to_bytes(), start.argument(at + 1)) {
        (b"", _) | (b"--explain", None) => usage(),
        (b"--explain", Some(name)) => explain::explain(start, name, defaults),
        (b"--list-implementations", None) => explain::list(defaults),
        (b"--help", None) => printed(&[USAGE, b"\n", HELP]),
        (b"--version", None) => printed(&[b"py-exec ", env!("CARGO_PKG_VERSION").as_bytes()]),
        _ => dispatch::run(start, word, at, defaults),
    }
}

fn layout_of<'a>(layout: &'a [u8], built: Defaults<'a>) -> Defaults<'a> {
    let mut parts = layout
        .splitn(2, |&b| b == b':')
        .filter(|part| part.starts_with(b"/"));
    Defaults {
        root: parts.next().unwrap_or(built.root),
        sysconfdir: parts.next().unwrap_or(built.sysconfdir),
    }
}

fn printed(parts: &[&[u8]]) -> i32 {
    say::line(STDOUT, parts);
    0
}

fn usage() -> i32 {
    say::line(STDERR, &[USAGE]);
    1
}
