//! Black-box tests of `py-exec`. Each one runs every form of the program.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails by panicking")]

mod built;
mod hostile;
mod order;
mod place;
mod program;
mod questions;
