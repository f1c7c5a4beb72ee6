//! stderr, and the board that stands there below everything else that is printed.

use std::io;
use std::sync::Mutex;

use common::{Result, lock};
use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

use super::rows::Size;
use crate::output::Sink;

/// stderr.
#[derive(Debug)]
pub(crate) struct Screen {
    stderr: Sink,
    state: Mutex<State>,
    has_board: bool,
}

#[derive(Debug, Default)]
struct State {
    /// Lines of the board that stand there now.
    drawn: usize,
    /// Output has stopped in the middle of a line, where no board can be put.
    inside_line: bool,
}

impl Screen {
    /// Opens stderr. A board needs a terminal that can move its cursor, and a user who `wants` one.
    pub(crate) fn open(wants: bool) -> Result<Self> {
        let stderr = Sink::stderr()?;
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        Ok(Self {
            has_board: wants && stderr.is_terminal() && !dumb,
            stderr,
            state: Mutex::default(),
        })
    }

    pub(crate) fn has_board(&self) -> bool {
        self.has_board
    }

    /// Draws the lines in place of those that stand there.
    pub(super) fn draw(&self, render: impl FnOnce(Size) -> Vec<String>) {
        let mut state = lock(&self.state);
        if !is_ours() {
            // Others write there, and the board may no longer be where it was.
            state.drawn = 0;
            return;
        }
        if state.inside_line {
            return;
        }
        let size = tcgetwinsize(io::stderr())
            .ok()
            .filter(|s| s.ws_col > 0 && s.ws_row > 0);
        let (columns, lines) = size.map_or((80, 24), |s| (s.ws_col.into(), s.ws_row.into()));
        let board = render(Size { columns, lines });
        let mut text = erase(state.drawn);
        for line in &board {
            text.push_str(line);
            text.push('\n');
        }
        state.drawn = board.len();
        self.write(text.as_bytes());
    }

    /// Takes the board away and writes `text`.
    pub(super) fn print(&self, text: &[u8]) {
        let mut state = lock(&self.state);
        self.lift(&mut state);
        self.write(text);
    }

    /// Takes the board away and has `show` write `text` to the same terminal.
    pub(crate) fn aside<T>(&self, text: &[u8], show: impl FnOnce() -> T) -> T {
        let mut state = lock(&self.state);
        self.lift(&mut state);
        state.inside_line = text.last().is_some_and(|byte| *byte != b'\n');
        show()
    }

    fn lift(&self, state: &mut State) {
        let drawn = std::mem::take(&mut state.drawn);
        if drawn > 0 && is_ours() {
            self.write(erase(drawn).as_bytes());
        }
    }

    fn write(&self, text: &[u8]) {
        // Where stderr is gone there is no place left to complain at.
        let _gone = self.stderr.write_all(text);
    }
}

/// Whether no other program draws there: in the background (`py-foreach … &`) the terminal is a shell's or an
/// editor's. A terminal that does not control us has no foreground.
fn is_ours() -> bool {
    tcgetpgrp(io::stderr()).map_or(true, |foreground| foreground == getpgrp())
}

/// Moves above `lines` and clears what is below (ECMA-48: CUU, ED).
fn erase(lines: usize) -> String {
    match lines {
        0 => String::new(),
        lines => format!("\r\x1b[{lines}A\x1b[J"),
    }
}
