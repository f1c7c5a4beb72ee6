//! `img-merge`, the library behind the program.
//!
//! The way of a run: `main → run → cli → values → effects`. A run is one or several
//! transactions (`transaction`); each locks DEST, makes a `plan`, and carries it out
//! (`act`) or undoes it.

mod act;
mod cli;
mod destination;
mod failure;
mod image;
mod journal;
mod manifest;
mod overlap;
mod plan;
mod pool;
mod progress;
mod recovery;
mod report;
mod run;
mod settings;
mod staging;
mod summary;
mod tally;
mod transaction;

use std::ffi::OsString;

/// The tool's name in messages.
pub const TOOL: &str = "img-merge";

/// Runs the tool with the words of its command line and returns its exit status.
#[must_use]
pub fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    match cli::parse(words) {
        Ok(settings) => run::run(&settings),
        Err(status) => status,
    }
}
