//! The name that the program was called by, and its options.
//!
//! Called by any other name than its own, it is a wrapper. Called by its own name, it was started for a text whose
//! first line names it, and an argument is the path of that text; or a person uses one of its options.

use core::ffi::CStr;

use crate::place::{Defaults, is_program};
use crate::say::{self, Answer, STDERR};
use crate::sys::Start;
use crate::{MISUSED, NOT_FOUND, SCRIPT_ROOT, SYSCONFDIR, dispatch, explain};

/// The layout that the first line of a text names: `--layout=SCRIPTROOT:SYSCONFDIR:NEAR`.
const LAYOUT: &[u8] = b"--layout=";

const USAGE: &[u8] = b"Usage: py-exec SCRIPT [ARG...]
       py-exec --explain NAME
       py-exec --list-implementations";

const HELP: &[u8] = b"
Start SCRIPT, a link to py-exec2 or a copy of it, with the preferred Python

Questions:
  --explain NAME           Print every candidate, and why it is taken or not
  --list-implementations   Print the implementations in the script root

Layout:
  --layout=ROOT:ETC:NEAR   Use these directories, not those set at build time
                           (only as the first argument)

Other:
  --help                   Print this help
  --version                Print the version

Examples:
  py-exec --explain pygmentize                  Which Python runs it, and why?
  EPYTHON=python3.11 py-exec --explain pip      The same with an order
  py-exec --list-implementations                Which Pythons have scripts?";

/// Runs the program and returns its exit status, unless it becomes the script.
#[must_use]
pub fn run(start: &Start) -> i32 {
    let built = Defaults {
        root: SCRIPT_ROOT.as_bytes(),
        sysconfdir: SYSCONFDIR.as_bytes(),
        near: b"../lib/python-exec",
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
    let option = word.to_bytes();
    let next = start.argument(at + 1);
    // The path of a script never begins with a dash: the kernel gives a path with a slash.
    if !option.starts_with(b"-") || option.contains(&b'/') {
        return dispatch::run(start, word, at, defaults);
    }
    match (option, next) {
        (b"--explain", None) => misused(option, b" needs the NAME of a script"),
        (b"--explain", Some(name)) if start.argument(at + 2).is_none() => {
            explain::explain(start, name, defaults)
        }
        (b"--explain", Some(_)) => misused(option, b" takes one NAME"),
        (b"--list-implementations", None) => explain::list(defaults),
        (b"--help", None) => printed(&[USAGE, b"\n", HELP]),
        (b"--version", None) => printed(&[b"py-exec ", env!("CARGO_PKG_VERSION").as_bytes()]),
        (b"--list-implementations" | b"--help" | b"--version", Some(_)) => {
            misused(option, b" takes no argument")
        }
        _ => misused(option, b" is not an option; see --help"),
    }
}

/// A part with a wrong form is ignored.
fn layout_of<'a>(layout: &'a [u8], built: Defaults<'a>) -> Defaults<'a> {
    let mut parts = layout.splitn(3, |&b| b == b':');
    let (root, sysconfdir, near) = (parts.next(), parts.next(), parts.next());
    let is_absolute = |part: &&[u8]| part.starts_with(b"/");
    let is_relative = |part: &&[u8]| !part.is_empty() && !is_absolute(part);
    Defaults {
        root: root.filter(is_absolute).unwrap_or(built.root),
        sysconfdir: sysconfdir.filter(is_absolute).unwrap_or(built.sysconfdir),
        near: near.filter(is_relative).unwrap_or(built.near),
    }
}

fn printed(parts: &[&[u8]]) -> i32 {
    let mut answer = Answer::default();
    answer.line(parts);
    if answer.is_whole() { 0 } else { MISUSED }
}

fn usage() -> i32 {
    say::line(STDERR, &[USAGE]);
    MISUSED
}

fn misused(option: &[u8], why: &[u8]) -> i32 {
    say::line(STDERR, &[b"py-exec: ", option, why]);
    MISUSED
}
