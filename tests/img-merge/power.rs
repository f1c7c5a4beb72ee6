//! `--sync`, and file systems that can do less.

use std::fs;
use std::path::Path;

use test_support::patience::until;
use test_support::{Outcome, Tool, lay, need_command, scratch};

use crate::disk::{Disk, Format};
use crate::snapshot::{assert_same, snapshot};

/// The tool under strace, which traces `calls` into `log` and injects.
fn traced(root: &Path, calls: &str, injected: &[&str], words: &[&str]) -> Outcome {
    need_command("strace", "strace");
    Tool::new("strace")
        .args(["-f", "-qq", "-o", "log"])
        .arg(format!("--trace={calls}"))
        .args(injected.iter().map(|inject| format!("--inject={inject}")))
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .in_directory(root)
        .run()
}

#[test]
fn a_synced_merge_is_done_on_disk_before_an_image_goes_and_at_the_end() {
    let root = scratch();
    let root = root.path();
    lay(
        root,
        "i/f 644 \"new\"\ni/same 644 \"s\"\nd/f 644 \"old\"\nd/same 644 \"s\"",
    );
    let words = ["--sync", "--method=move", "--on-conflict=replace", "i", "d"];
    traced(root, "syncfs,fdatasync,unlinkat,renameat2", &[], &words).expect(0);
    let log = fs::read_to_string(root.join("log")).expect("a log");
    let calls: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1)?.split('(').next())
        .collect();
    let first = |call: &str| calls.iter().position(|it| *it == call);
    let last = |call: &str| calls.iter().rposition(|it| *it == call);
    assert!(last("renameat2") < first("syncfs"), "{log}");
    assert!(first("syncfs") < first("fdatasync"), "{log}");
    assert!(first("fdatasync") < first("unlinkat"), "{log}");
    assert!(last("unlinkat") < last("syncfs"), "{log}");
}

#[test]
fn a_sync_that_fails_is_undone() {
    let root = scratch();
    let root = root.path();
    lay(root, "i/f 644 \"new\"\ni/g 644 \"g\"\nd/f 644 \"old\"");
    let before = snapshot(&root.join("d"));
    for call in ["syncfs", "write"] {
        let inject = format!("{call}:error=EIO:when=1");
        let words = ["--sync", "--on-conflict=replace", "i", "d"];
        traced(root, call, &[&inject], &words).expect(2);
        assert_same(&snapshot(&root.join("d")), &before, call);
    }
}

#[test]
fn a_copied_tree_is_undone_where_times_are_whole_seconds() {
    let disk = Disk::new(Format::Ext4Seconds);
    let root = scratch();
    let d = disk.path().join("d");
    lay(
        root.path(),
        "i/sub/f 644 \"f\"\ni/sub/deep/g 644 \"g\"\ni/sub/to -> f\ni/two/h 644 \"h\"",
    );
    lay(&d, "mine 644 \"m\"");
    let before = snapshot(&d);
    let dest = d.display().to_string();
    let words = ["-j1", "--method=copy", "i", &dest];
    let inject = "renameat2:error=ENOSPC:when=2";
    let said = traced(root.path(), "renameat2", &[inject], &words).expect(2);
    assert_same(&snapshot(&d), &before, &said.stderr);
}

#[test]
fn an_undo_reports_what_it_leaves() {
    let root = scratch();
    lay(
        root.path(),
        "i/sub/f 644 \"f\"\ni/sub/ 750\ni/two/h 644 \"h\"\nd/x 644 \"x\"",
    );
    let outcome = crate::moment::while_held(
        root.path(),
        "renameat2:delay_exit=500000:when=1",
        &["-j1", "i", "d"],
        || {
            // The first that gets its name; the second finds that it has been taken by a file.
            until("one of them has its name", || {
                root.path().join("d/two").exists() || root.path().join("d/sub").exists()
            });
            let (first, second) = if root.path().join("d/two").exists() {
                ("two", "sub")
            } else {
                ("sub", "two")
            };
            fs::write(root.path().join("d").join(first).join("late"), "late").expect("a file");
            fs::write(root.path().join("d").join(second), "in the way").expect("a file");
        },
    );
    let said = outcome.stderr;
    assert!(
        said.contains("undo the merge of d/") && said.contains("directory not empty"),
        "{said}"
    );
    let listing = test_support::listing(&root.path().join("d"));
    assert!(
        listing.contains("/late 644") && !listing.contains("/f ") && !listing.contains("/h "),
        "{listing}"
    );
    assert!(!listing.contains(" 700\n"), "{listing}");
}
