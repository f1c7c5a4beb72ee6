//! Black-box tests of `img-merge`, each through the program.

mod methods;
mod usage;
