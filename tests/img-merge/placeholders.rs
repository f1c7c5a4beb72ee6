//! Empty directories that hold a place where renames know no flags, and what a kill leaves of them.

use std::fs;
use std::path::Path;

use test_support::{Tool, lay, listing, scratch};

use crate::merge;
use crate::pause::pause_at_with;
use crate::snapshot::{assert_same, snapshot};

/// As on NFS: every flag is EINVAL.
const OLD_RENAMES: &str = "--inject=renameat2:error=EINVAL";

/// Merges `i` into `d` where renames know no flags, and is killed when the place of `d/new` is held by an
/// empty directory.
fn killed_at_placeholder(root: &Path) {
    let ended = Tool::new("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "--trace=renameat,renameat2",
            OLD_RENAMES,
            "--inject=renameat:signal=KILL:when=1",
            env!("CARGO_BIN_EXE_img-merge"),
            "i",
            "d",
        ])
        .in_directory(root)
        .run();
    assert_eq!(ended.status, None, "{}", ended.stderr);
    let held = listing(&root.join("d/new"));
    assert_eq!(held, "", "it was not killed where it should");
}

#[test]
fn a_left_placeholder_is_removed_and_no_other_directory() {
    let lines = "i/new/f 644 \"f\"\nj/g 644 \"g\"\nd/ 755";
    for (what, left) in [
        ("nothing", ""),
        ("another", "aside/ 1500\nnew/ 700\n"),
        ("filled", "new/ 1500\nnew/mine 644 \"m\"\n"),
    ] {
        let root = scratch();
        lay(root.path(), lines);
        killed_at_placeholder(root.path());
        let new = root.path().join("d/new");
        match what {
            "another" => {
                fs::rename(&new, root.path().join("d/aside")).expect("a rename");
                lay(root.path(), "d/new/ 700");
            }
            "filled" => lay(&new, "mine 644 \"m\""),
            _ => {}
        }
        merge(root.path(), &["j", "d"]).expect(0);
        let held = listing(&root.path().join("d"));
        let mut lines: Vec<&str> = held
            .lines()
            .filter(|line| !line.starts_with("g "))
            .collect();
        lines.sort_unstable();
        let left: Vec<&str> = left.lines().collect();
        assert_eq!(lines, left, "{what}");
    }
}

#[test]
fn a_private_directory_in_the_place_of_a_placeholder_is_left_alone() {
    let root = scratch();
    lay(root.path(), "i/new/f 644 \"f\"\nj/g 644 \"g\"\nd/ 755");
    // The staging, what is built in it, and what was to hold its place.
    let ended = Tool::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", OLD_RENAMES])
        .args([
            "--trace=mkdirat,renameat2",
            "--inject=mkdirat:signal=KILL:when=3",
        ])
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(["i", "d"])
        .in_directory(root.path())
        .run();
    assert_eq!(ended.status, None, "{}", ended.stderr);
    lay(root.path(), "d/new/ 700");
    merge(root.path(), &["j", "d"]).expect(0);
    let now = listing(&root.path().join("d"));
    assert_eq!(now, "g 644 \"g\"\nnew/ 700\n");
}

#[test]
fn a_destination_whose_maker_was_killed_is_finished() {
    let lines = "i/usr/a 644 \"a\"\ni/ 751";
    let undisturbed = scratch();
    lay(undisturbed.path(), lines);
    merge(undisturbed.path(), &["i", "d"]).expect(0);
    let expected = snapshot(&undisturbed.path().join("d"));
    for call in ["mkdirat", "renameat", "flock", "unlinkat"] {
        for at in 1.. {
            let root = scratch();
            lay(root.path(), lines);
            let log = root.path().join("log");
            let ended = Tool::new("strace")
                .args(["-f", "-qq", "-o", "log", OLD_RENAMES])
                .arg(format!("--trace={call},renameat2"))
                .arg(format!("--inject={call}:signal=KILL:when={at}"))
                .arg(env!("CARGO_BIN_EXE_img-merge"))
                .args(["i", "d"])
                .in_directory(root.path())
                .run();
            if ended.status.is_some() {
                assert!(at > 1, "nothing was killed at {call}");
                break;
            }
            fs::remove_file(log).expect("the log");
            merge(root.path(), &["i", "d"]).expect(0);
            let mut now = snapshot(&root.path().join("d"));
            let what = format!("killed at {call} {at}");
            // The image's own times are those of its copy.
            for (path, it) in &mut now {
                it.modified = expected[path].modified;
            }
            assert_same(&now, &expected, &what);
            let mut names: Vec<_> = fs::read_dir(root.path())
                .expect("a directory")
                .map(|entry| entry.expect("an entry").file_name())
                .collect();
            names.sort();
            assert_eq!(names, ["d", "i"], "{what}");
        }
    }
}

#[test]
fn two_that_make_one_destination_do_not_disturb_each_other() {
    let root = scratch();
    lay(root.path(), "i/a 644 \"a\"\nj/b 644 \"b\"");
    // The directory is made, and its lock is not taken yet.
    let paused = pause_at_with(
        root.path(),
        "mkdirat",
        1,
        &[OLD_RENAMES],
        &["-j1", "i", "d"],
    );
    assert_eq!(listing(&root.path().join("d")), "");
    merge(root.path(), &["j", "d"]).expect(0);
    let (status, said) = paused.resume();
    assert_eq!(status, Some(0), "{said}");
    let now = listing(root.path());
    let expected = "d/ 755\nd/a 644 \"a\"\nd/b 644 \"b\"\n";
    assert!(now.starts_with(expected), "{now}");
}
