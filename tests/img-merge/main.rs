//! Black-box tests of `img-merge`, each through the program.

mod disk;
mod every_step;
mod faults;
mod hostile;
mod images;
mod many;
mod methods;
mod output;
mod property;
mod random_tree;
mod snapshot;
mod stopped;
mod usage;
