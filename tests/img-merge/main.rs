//! Black-box tests of `img-merge`, each through the program.

mod contract;
mod disk;
mod every_step;
mod faults;
mod foreign;
mod groups;
mod hostile;
mod images;
mod left_overs;
mod limits;
mod many;
mod metadata;
mod methods;
mod moment;
mod output;
mod overlap;
mod pause;
mod plain_user;
mod power;
mod property;
mod quota;
mod random_tree;
mod shut;
mod snapshot;
mod stopped;
mod usage;
