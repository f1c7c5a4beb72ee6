//! Black-box tests of `img-merge`, each through the program.

mod methods;
mod property;
mod random_tree;
mod snapshot;
mod usage;
