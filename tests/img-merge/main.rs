//! Black-box tests of `img-merge`, each through the program.

mod contract;
mod disk;
mod every_step;
mod faults;
mod foreign;
mod groups;
mod hostile;
mod images;
mod limits;
mod many;
mod metadata;
mod methods;
mod output;
mod pause;
mod property;
mod random_tree;
mod snapshot;
mod stopped;
mod usage;
