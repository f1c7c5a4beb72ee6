//! The terminal that board and output share.

use std::fmt::Write as _;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

use super::rows::Size;
use crate::output::Sink;

/// stderr, where it is a terminal that can be drawn on.
#[derive(Debug)]
pub(crate) struct Screen<'a> {
    stderr: &'a Sink,
    state: Mutex<State>,
    /// The jobs' output is shown on a terminal too.
    shared: bool,
}

#[derive(Debug, Default)]
struct State {
    /// Lines of the board that stand there now.
    drawn: usize,
    /// Output has stopped in the middle of a line, where no board can be put.
    inside_line: bool,
}

impl<'a> Screen<'a> {
    /// Nothing where there is no board to be. `shared`: the jobs' output goes to a terminal too.
    pub(crate) fn open(stderr: &'a Sink, shared: bool) -> Option<Self> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        (stderr.is_terminal() && !dumb).then(|| Self {
            stderr,
            state: Mutex::default(),
            shared,
        })
    }

    /// Draws the lines in place of those that stand there.
    pub(super) fn draw(&self, render: impl FnOnce(Size) -> Vec<String>) {
        let mut state = self.lock();
        if !is_ours() {
            // What stood there may be no longer where it was.
            state.drawn = 0;
            return;
        }
        if state.inside_line {
            return;
        }
        let size = tcgetwinsize(io::stderr())
            .ok()
            .filter(|s| s.ws_col > 0 && s.ws_row > 0);
        let size = size.map_or((80, 24), |s| (s.ws_col.into(), s.ws_row.into()));
        let lines = render(Size {
            columns: size.0,
            lines: size.1,
        });
        let mut text = away(state.drawn);
        for line in &lines {
            text.push_str(line);
            text.push('\n');
        }
        state.drawn = lines.len();
        self.print(&text);
    }

    /// Takes the board away.
    pub(crate) fn clear(&self) {
        self.lift(&mut self.lock());
    }

    /// Takes the board away for lines of our own, which `say` says.
    pub(super) fn give_way<T>(&self, say: impl FnOnce() -> T) -> T {
        let mut state = self.lock();
        self.lift(&mut state);
        say()
    }

    /// Takes the board away for output to be shown by `show`, whose last byte is `last`.
    pub(crate) fn aside<T>(&self, last: Option<u8>, show: impl FnOnce() -> T) -> T {
        if !self.shared {
            return show();
        }
        let mut state = self.lock();
        self.lift(&mut state);
        state.inside_line = last.is_some_and(|byte| byte != b'\n');
        show()
    }

    fn lift(&self, state: &mut State) {
        let drawn = std::mem::take(&mut state.drawn);
        if is_ours() {
            self.print(&away(drawn));
        }
    }

    fn print(&self, text: &str) {
        // A terminal that is gone shows nothing, and that is all.
        drop(self.stderr.write_all(text.as_bytes()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Two plain values.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether nobody else draws there: in the background (`py-foreach … &`) the terminal is a shell's, or an
/// editor's. One that is not the terminal that controls us has no foreground.
fn is_ours() -> bool {
    tcgetpgrp(io::stderr()).map_or(true, |foreground| foreground == getpgrp())
}

/// Moves above `lines` and clears what is below (ECMA-48: CUU, ED).
fn away(lines: usize) -> String {
    let mut text = String::new();
    if lines > 0 {
        // Writing to a string does not fail.
        let _ = write!(text, "\r\x1b[{lines}A\x1b[J");
    }
    text
}
