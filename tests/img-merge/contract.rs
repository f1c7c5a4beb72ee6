//! What the tool promises about odd destinations, dry runs and its summary.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use test_support::{Outcome, Tool, lay, listing, scratch};

fn merge(root: &Path, words: &[&str]) -> Outcome {
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .in_directory(root)
        .run()
}

/// As `merge`, but for a program that may never end.
fn merge_in_time(root: &Path, words: &[&str]) -> Outcome {
    Tool::new("timeout")
        .args(["20", env!("CARGO_BIN_EXE_img-merge")])
        .args(words)
        .in_directory(root)
        .run()
}

#[test]
fn a_destination_that_is_a_dangling_link_is_refused() {
    let root = scratch();
    lay(root.path(), "i/f 644 \"f\"");
    symlink("gone", root.path().join("d")).unwrap();
    for words in [&["i", "d"][..], &["--dry-run", "i", "d"], &["i", "d/"]] {
        merge_in_time(root.path(), words)
            .expect(2)
            .complains("it is a symbolic link that leads nowhere");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }
}

#[test]
fn a_dry_run_for_a_missing_destination_does_not_look_at_its_parent() {
    let root = scratch();
    lay(
        root.path(),
        "i/usr/f 644 \"image\"\nj/usr/g 644 \"g\"\nusr/f 644 \"other\"",
    );
    let plan = merge(root.path(), &["--dry-run", "i", "new"]).expect(0);
    assert_eq!(plan.stdout, "make\tnew\nbring\tusr/\ti\n");
    let plan = merge(root.path(), &["--dry-run", "i", "j", "new"]).expect(0);
    assert_eq!(
        plan.stdout,
        "make\tnew\nmake\tusr\nbring\tusr/f\ti\nbring\tusr/g\tj\n"
    );
    lay(root.path(), "i/.img-merge-0123456789abcdef/ 755");
    merge(root.path(), &["--dry-run", "i", "new"]).expect(1);
    assert_eq!(listing(&root.path().join("usr")), "f 644 \"other\"\n");
}
