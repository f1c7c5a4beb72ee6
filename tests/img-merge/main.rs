//! Black-box tests of `img-merge`, each through the program.

mod calls;
mod consumed;
mod contract;
mod disk;
mod endings;
mod every_step;
mod faults;
mod foreign;
mod groups;
mod hostile;
mod images;
mod kept;
mod left_overs;
mod limits;
mod many;
mod metadata;
mod methods;
mod moment;
mod output;
mod overlap;
mod pause;
mod placeholders;
mod plain_user;
mod power;
mod property;
mod quota;
mod random_tree;
mod reuse;
mod shut;
mod snapshot;
mod stopped;
mod through_links;
mod usage;

use std::path::Path;

use test_support::{Outcome, Tool};

/// Runs the tool in `root`.
fn merge(root: &Path, words: &[&str]) -> Outcome {
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .in_directory(root)
        .run()
}
