//! Black-box tests of `py-wrapper`, each through the program.

mod usage;
mod wrap;
