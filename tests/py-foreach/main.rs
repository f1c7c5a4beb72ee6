//! Black-box tests of `py-foreach`, each through the program.

mod usage;
