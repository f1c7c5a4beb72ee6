//! An image inside the destination, or the reverse, which a mount hides.

use std::path::Path;

use tempfile::TempDir;
use test_support::{Tool, lay, listing, scratch};

use crate::images::Bind;

/// Merges `words` and asserts that they are refused and that nothing has changed below `root`.
#[track_caller]
fn refused(root: &Path, words: &[&str]) {
    for method in ["link", "copy", "move"] {
        let before = listing(root);
        let outcome = Tool::new(env!("CARGO_BIN_EXE_img-merge"))
            .args([&*format!("--method={method}"), "-q"])
            .args(words)
            .in_directory(root)
            .run();
        outcome.expect(2).complains("it overlaps");
        assert_eq!(listing(root), before, "{method} {words:?}");
    }
}

/// A tree with `d`, a destination, `i`, an image, and `m`, a directory to mount at.
fn tree() -> TempDir {
    let root = scratch();
    lay(
        root.path(),
        "d/usr/inner/x 644 \"x\"\nd/opt/ 755\ni/f 644 \"f\"\ni/sub/g 644 \"g\"\nm/ 755",
    );
    root
}

/// Mounts `from` at `to`, both in a tree of its own, and asserts that each of `runs` is refused.
#[track_caller]
fn refused_where(from: &str, to: &str, runs: &[&[&str]]) {
    let root = tree();
    let to = root.path().join(to);
    let _mounted = Bind::new(&root.path().join(from), &to);
    for words in runs {
        refused(root.path(), words);
    }
}

#[test]
fn an_image_that_a_mount_shows_from_the_destination_is_refused() {
    let runs: [&[&str]; 3] = [
        &["m", "d"],
        &["m/inner", "d"],
        &["m/inner", "d/usr/inner/new"],
    ];
    refused_where("d/usr", "m", &runs);
    refused_where(
        "d",
        "m",
        &[&["m", "d"], &["m/usr", "d/usr"], &["d/usr", "m"]],
    );
}

#[test]
fn a_destination_that_a_mount_shows_from_an_image_is_refused() {
    refused_where("i/sub", "m", &[&["i", "m"], &["i", "m/new"]]);
}

#[test]
fn a_mount_in_one_tree_that_shows_the_other_is_refused() {
    refused_where("i", "d/opt", &[&["i", "d"], &["i/sub", "d"]]);
    refused_where("d", "i/sub", &[&["i", "d"]]);
}

#[test]
fn an_image_that_a_mount_shows_from_another_image_is_refused() {
    refused_where("i/sub", "m", &[&["i", "m", "d"]]);
}
