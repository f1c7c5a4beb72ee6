//! `img-merge`, the library behind the program.
//!
//! The way of a run: `main → run → cli → settings → merge`. A run is one or several merges. Each [`merge`] is a
//! transaction: it locks DEST, recovers what a killed run left, makes a [`plan`], and applies it ([`apply`]) or
//! undoes it.

mod apply;
mod cli;
mod destination;
mod failure;
mod image;
mod inputs;
mod journal;
mod merge;
mod overlap;
mod plan;
mod pool;
mod progress;
mod recovery;
mod report;
mod run;
mod settings;
mod staging;
mod stats;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz {
    //! What fuzzing holds pure code to.

    use crate::journal::Record;

    /// A journal is read without a panic, and its records are written as they were read.
    pub fn journal(bytes: &[u8]) {
        let records = Record::decode(bytes);
        let mut written = Vec::new();
        for record in &records {
            record.encode(&mut written);
        }
        assert_eq!(Record::decode(&written), records);
    }
}

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
