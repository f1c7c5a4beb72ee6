//! Black-box tests of `py-wrapper`, each through the program.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails by panicking")]

mod faults;
mod installed;
mod lock;
mod matrix;
mod near;
mod packages;
mod parity;
mod records;
mod replicate;
mod stream;
mod undo;
mod usage;
mod wrap;
