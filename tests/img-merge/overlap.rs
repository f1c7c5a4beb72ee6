//! Images and a destination of which one is inside another, and a mount hides it.

use std::path::Path;

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

const TREE: &str = "d/usr/inner/x 644 \"x\"\nd/opt/ 755\ni/f 644 \"f\"\ni/sub/g 644 \"g\"\nm/ 755";

#[test]
fn an_image_that_is_mounted_out_of_the_destination_is_refused() {
    let root = scratch();
    let root = root.path();
    lay(root, TREE);
    let mount = root.join("m");
    {
        let _mounted = Bind::new(&root.join("d/usr"), &mount);
        refused(root, &["m", "d"]);
        refused(root, &["m/inner", "d"]);
        refused(root, &["m/inner", "d/usr/inner/new"]);
    }
    let _mounted = Bind::new(&root.join("d"), &mount);
    refused(root, &["m", "d"]);
    refused(root, &["m/usr", "d/usr"]);
    refused(root, &["d/usr", "m"]);
}

#[test]
fn a_destination_that_is_mounted_out_of_an_image_is_refused() {
    let root = scratch();
    let root = root.path();
    lay(root, TREE);
    let mount = root.join("m");
    let _mounted = Bind::new(&root.join("i/sub"), &mount);
    refused(root, &["i", "m"]);
    refused(root, &["i", "m/new"]);
}

#[test]
fn a_mount_inside_one_that_shows_the_other_is_refused() {
    let root = scratch();
    let root = root.path();
    lay(root, TREE);
    {
        let mount = root.join("d/opt");
        let _mounted = Bind::new(&root.join("i"), &mount);
        refused(root, &["i", "d"]);
        refused(root, &["i/sub", "d"]);
    }
    let mount = root.join("i/sub");
    let _mounted = Bind::new(&root.join("d"), &mount);
    refused(root, &["i", "d"]);
}

#[test]
fn two_images_of_which_a_mount_shows_one_in_the_other_are_refused() {
    let root = scratch();
    let root = root.path();
    lay(root, TREE);
    let mount = root.join("m");
    let _mounted = Bind::new(&root.join("i/sub"), &mount);
    refused(root, &["i", "m", "d"]);
}
