//! Black-box tests of `py-exec`, each through the program.

mod order;
