//! Black-box tests of `py-exec`, each through the program, in all its forms.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails by panicking")]

mod asked;
mod built;
mod hostile;
mod order;
mod place;
mod program;
