//! `py-foreach`, the library behind the program.
//!
//! The way of a run: `main → run → cli → foreach → select → run`.

mod ask;
mod cli;
mod clients;
mod console;
mod copy;
mod discover;
mod environment;
mod foreach;
mod identity;
mod job;
mod live;
mod logs;
mod makeflags;
mod memory;
mod outcome;
mod output;
mod pool;
mod print;
mod quantity;
mod remove;
mod report;
mod run;
mod rundir;
mod select;
mod shell_env;
mod signals;
mod supervise;
mod variables;
mod words;

use std::ffi::OsString;

use common::exit;

/// The tool's name in messages.
pub const TOOL: &str = "py-foreach";

/// Runs the tool with the words of its command line and returns its exit status.
///
/// The first word, and a first option, can make it another program: a job's supervisor, or a client of the pool.
#[must_use]
pub fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    if program == supervise::ARGV0 {
        return supervise::supervisor::run(words);
    }
    let mut words = words.peekable();
    if words.next_if(|word| word == clients::WORD).is_some() {
        return clients::run(words);
    }
    let settings = match cli::parse([program].into_iter().chain(words)) {
        Ok(settings) => settings,
        Err(status) => return status,
    };
    foreach::foreach(&settings).unwrap_or_else(|errors| {
        common::error::report(TOOL, &errors);
        exit::FOREACH_FAILED
    })
}
