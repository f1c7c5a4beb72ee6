//! A line on a terminal that tells how far a long merge has come.
//!
//! It is there while the work is and leaves nothing behind. It comes only where somebody may look at it:
//! stderr is a terminal that can take a line back, and neither `-q` nor `NO_COLOR` is set.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use common::cli::Verbosity;

use crate::TOOL;
use crate::tally::Tally;

/// A merge that is done by then shows no line.
const LONG: Duration = Duration::from_secs(1);

/// How often the line is renewed.
const RENEW: Duration = Duration::from_millis(250);

/// Takes the line on which the cursor is away.
const CLEAR: &str = "\r\x1b[K";

/// Does `work` and shows meanwhile what `tally` counts.
pub(crate) fn shown<T>(tally: &Tally, verbosity: Verbosity, work: impl FnOnce() -> T) -> T {
    if verbosity == Verbosity::Quiet || !can_take_back() {
        return work();
    }
    thread::scope(|scope| {
        // The line ends when this end of the channel goes, however the work ends.
        let (_at_work, ended) = channel::<()>();
        let line = move || show(tally, &ended);
        // Where no thread can be had there is no line.
        let _line = thread::Builder::new().spawn_scoped(scope, line);
        work()
    })
}

fn can_take_back() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    std::io::stderr().is_terminal() && !dumb && !set("NO_COLOR")
}

fn show(tally: &Tally, ended: &Receiver<()>) {
    let mut wait = LONG;
    while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        wait = RENEW;
        let (files, directories) = tally.so_far();
        say(&format!(
            "{CLEAR}{TOOL}: {files} files, {directories} directories"
        ));
    }
    if wait == RENEW {
        say(CLEAR);
    }
}

/// What a terminal does not take is no loss: the summary comes all the same.
fn say(text: &str) {
    let mut terminal = std::io::stderr().lock();
    drop(terminal.write_all(text.as_bytes()));
}
