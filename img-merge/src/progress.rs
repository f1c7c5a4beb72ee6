//! A line on a terminal that shows how far a long merge has come, and that is cleared at the end.
//!
//! It appears only if stderr is a terminal that can clear a line, and neither `-q` nor `NO_COLOR` is set.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use common::cli::Verbosity;

use crate::TOOL;
use crate::stats::Progress;

/// A shorter merge shows no line.
const LONG: Duration = Duration::from_secs(1);

/// How often the line is renewed.
const RENEW: Duration = Duration::from_millis(250);

/// Clears the line of the cursor.
const CLEAR: &str = "\r\x1b[K";

/// Does `work` and shows `progress` meanwhile.
pub(crate) fn shown<T>(progress: &Progress, verbosity: Verbosity, work: impl FnOnce() -> T) -> T {
    if verbosity == Verbosity::Quiet || !can_clear_a_line() {
        return work();
    }
    thread::scope(|scope| {
        // The line ends when this end of the channel is dropped, even by a panic.
        let (_at_work, ended) = channel::<()>();
        let line = move || show(progress, &ended);
        // Without a thread there is no line.
        let _line = thread::Builder::new().spawn_scoped(scope, line);
        work()
    })
}

fn can_clear_a_line() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    std::io::stderr().is_terminal() && !dumb && !set("NO_COLOR")
}

fn show(progress: &Progress, ended: &Receiver<()>) {
    let mut wait = LONG;
    while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        wait = RENEW;
        let (files, directories) = progress.so_far();
        say(&format!(
            "{CLEAR}{TOOL}: {files} files, {directories} directories"
        ));
    }
    if wait == RENEW {
        say(CLEAR);
    }
}

/// A terminal that cannot be written costs only the line: the summary comes after it.
fn say(text: &str) {
    let mut terminal = std::io::stderr().lock();
    drop(terminal.write_all(text.as_bytes()));
}
