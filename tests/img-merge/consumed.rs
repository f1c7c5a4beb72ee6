//! What a move leaves of an image that others still write to, and what it says of it.

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

use test_support::{Tool, lay, need_command, scratch};

use crate::disk::{Disk, Format};
use crate::merge;
use crate::pause::pause_at;

const MOVE: &str = "--method=move";

/// The lines that say that something could not be removed.
fn removals(said: &str) -> Vec<&str> {
    let lines = said.lines();
    lines
        .filter(|line| line.starts_with("img-merge: remove "))
        .collect()
}

#[test]
fn a_file_written_to_after_the_plan_is_not_removed() {
    for (policy, held) in [("error", "s"), ("keep", "other")] {
        let root = scratch();
        let tree =
            |at: &str, text: &str| format!("{at}/usr/a 644 \"a\"\n{at}/usr/b 644 \"{text}\"\n");
        lay(root.path(), &(tree("i", "s") + &tree("d", held)));
        let policy = format!("--on-conflict={policy}");
        // The first that is removed, of all, is usr/a of the image.
        let words = [MOVE, &policy, "-j1", "i", "d"];
        let paused = pause_at(root.path(), "unlinkat", 1, &words);
        let mut file = File::options()
            .append(true)
            .open(root.path().join("i/usr/b"));
        let file = file.as_mut().expect("it is there");
        file.write_all(b" and more").expect("written");
        let (status, said) = paused.resume();
        assert_eq!(status, Some(2), "{said}");
        let left = fs::read_to_string(root.path().join("i/usr/b")).expect("it is left");
        assert_eq!(left, "s and more");
        // Nobody needs to be told that what holds it is not empty.
        assert_eq!(
            removals(&said),
            ["img-merge: remove i/usr/b: it was changed after the merge was planned"],
            "{said}"
        );
    }
}

#[test]
fn a_new_file_under_a_moved_name_is_not_removed() {
    // Here a number proves nothing.
    let disk = Disk::new(Format::Ramfs);
    let root = disk.path();
    lay(root, "i/a 644 \"a\"\ni/new 644 \"new\"\nd/a 644 \"a\"");
    let paused = pause_at(root, "unlinkat", 1, &[MOVE, "-j1", "i", "d"]);
    fs::write(root.join("i/new"), "late").expect("a file");
    let (status, said) = paused.resume();
    assert_eq!(status, Some(2), "{said}");
    assert_eq!(fs::read(root.join("i/new")).expect("it is left"), b"late");
    assert_eq!(fs::read(root.join("d/new")).expect("it was moved"), b"new");
}

#[test]
fn a_failed_sync_of_the_journal_leaves_the_image_whole() {
    need_command("strace", "strace");
    let root = scratch();
    lay(root.path(), "i/a 644 \"a\"\nd/a 644 \"a\"");
    let said = Tool::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "--trace=fdatasync"])
        .arg("--inject=fdatasync:error=EIO")
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args([MOVE, "--sync", "i", "d"])
        .in_directory(root.path())
        .run()
        .expect(2)
        .stderr;
    assert!(said.contains("write the journal in d: "), "{said}");
    assert_eq!(removals(&said), [""; 0], "{said}");
}

#[test]
fn an_immutable_file_is_named_with_its_cause() {
    let root = scratch();
    lay(root.path(), "i/new/f 644 \"f\"\nd/new 644 \"file\"");
    let chattr = |how: &str| {
        let file = root.path().join("i/new/f");
        let done = Command::new("chattr").arg(how).arg(file).status();
        done.is_ok_and(|status| status.success())
    };
    if !chattr("+i") {
        test_support::cannot_run_here(
            "an_immutable_file_is_named_with_its_cause",
            "the file system knows no immutable files",
        );
        return;
    }
    let said = merge(root.path(), &[MOVE, "-n", "i", "d"]);
    assert!(chattr("-i"));
    let said = said.expect(2).stderr;
    assert_eq!(
        removals(&said),
        ["img-merge: remove i/new: operation not permitted"]
    );
}
