//! `py-foreach`, the library behind the program.
//!
//! The way of a run: `main → run → cli → values → effects`.

mod cli;
mod environment;
mod job;
mod quantity;
mod settings;
mod supervise;
mod which;

use std::ffi::OsString;

/// The tool's name in messages.
pub const TOOL: &str = "py-foreach";

/// Runs the tool with the words of its command line and returns its exit status.
#[must_use]
pub fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    match cli::parse(words) {
        Ok(_words) => common::exit::DONE,
        Err(status) => status,
    }
}
