//! Finds the Pythons of this machine and learns from each what it is.
//!
//! In: the names or paths that were asked for, or nothing for all there are, and the [`Places`] to look
//! at. Out: [`Interpreter`]s, and what was skipped and why. Each candidate is run at most once, all names
//! at the same time, with a time limit. What an interpreter says of itself counts, not its file name.

mod candidates;
mod interpreter;
mod probe;
mod search;
mod version_directory;

pub(crate) use candidates::Places;
pub(crate) use interpreter::{Facts, Interpreter};
pub(crate) use search::{Found, Wanted, all, wanted};
