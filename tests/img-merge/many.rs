//! Many merges into one destination at once, and writers that know no lock.
//!
//! `IMG_MERGE_RUNS=200` runs the full number; the default is fewer.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use test_support::{Tool, is_waiting_for_a_lock, lay, patience, scratch};

use crate::snapshot::{assert_same, contents};

fn rounds() -> u32 {
    let wanted = std::env::var("IMG_MERGE_RUNS").ok();
    wanted.and_then(|n| n.parse().ok()).unwrap_or(30)
}

/// Four images that share directories and one file each, with files of their own.
fn lay_images(root: &Path) {
    for image in 0..4 {
        let mut lines = Vec::new();
        for directory in 0..15 {
            let below = format!("usr/lib/d{directory}");
            lines.push(format!("{below}/common 644 \"{directory}\""));
            for file in 0..4 {
                lines.push(format!("{below}/own{image}-{file} 644 \"{image}\""));
            }
            lines.push(format!("{below}/pkg{image}/x 755 \"{image}\""));
        }
        lay(&root.join(format!("image{image}")), &lines.join("\n"));
    }
}

fn start(root: &Path, words: &[&str], image: &str) -> Child {
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .args([image, "dest"])
        .in_directory(root)
        .into_command()
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool starts")
}

fn end(child: Child, what: &str) {
    let output = patience::end(child, what);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {} {said}", output.status);
}

#[test]
fn four_merges_at_once_and_a_foreign_cp_lose_nothing() {
    let rounds = rounds();
    let masters = scratch();
    lay_images(masters.path());
    let serial = scratch();
    for image in 0..4 {
        let image = masters.path().join(format!("image{image}"));
        let copied = Command::new("cp")
            .arg("-a")
            .arg(image.join("."))
            .arg(serial.path().join("dest"))
            .status();
        assert!(copied.expect("cp").success());
    }
    let mut expected = contents(&serial.path().join("dest"));
    for round in 0..rounds {
        let method = ["link", "copy", "move", "reflink"][round as usize % 4];
        let root = scratch();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(masters.path().join("."))
            .arg(root.path())
            .status();
        assert!(copied.expect("cp").success());
        let foreign = (round % 3 == 0).then(|| {
            fs::create_dir_all(root.path().join("dest")).expect("dest");
            Command::new("cp")
                .args(["-a", "--link", "--no-clobber", "image3/.", "dest/"])
                .current_dir(root.path())
                .stderr(Stdio::null())
                .spawn()
                .expect("cp")
        });
        // A foreign cp that reads an image while it is moved away is its own fault.
        let images = if foreign.is_some() { 0..3 } else { 0..4 };
        let method = format!("--method={method}");
        let merges: Vec<Child> = images
            .map(|image| start(root.path(), &[&method], &format!("image{image}")))
            .collect();
        let what = format!("round {round}, {method}");
        for merge in merges {
            end(merge, &what);
        }
        if let Some(mut cp) = foreign {
            // cp fails where a directory that it was to make is there by then: FACTS of the field.
            cp.wait().expect("cp ends");
            end(start(root.path(), &["--method=link"], "image3"), &what);
        }
        let mut joined = contents(&root.path().join("dest"));
        for tree in [&mut joined, &mut expected] {
            for entry in tree.values_mut() {
                entry.modified = (0, 0);
            }
        }
        assert_same(&joined, &expected, &what);
    }
}

#[test]
fn the_second_merge_reports_the_conflict() {
    let root = scratch();
    lay(&root.path().join("a"), "usr/x 644 \"a\"\nusr/a 644 \"a\"");
    lay(&root.path().join("b"), "usr/x 644 \"b\"\nusr/b 644 \"b\"");
    let merges = ["a", "b"].map(|image| start(root.path(), &[], image));
    let mut codes = merges.map(|merge| patience::end(merge, "a merge").status.code());
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(1)]);
    assert_eq!(
        contents(&root.path().join("dest")).len(),
        3,
        "one image, whole"
    );
}

#[test]
fn a_merge_waits_for_the_lock_and_a_signal_ends_the_wait() {
    use rustix::fs::FlockOperation::{LockExclusive, LockShared};
    // Who looks at DEST for a dry run shares the lock, and is waited for too.
    for how in [LockExclusive, LockShared] {
        wait_and_end(how);
    }
}

/// A merge that waits for the lock.
fn start_waiting(root: &Path) -> Child {
    let mut child = start(root, &[], "image");
    patience::until("it waits for the lock", || {
        let ended = child.try_wait().expect("a status");
        assert!(ended.is_none(), "it did not wait");
        is_waiting_for_a_lock(child.id())
    });
    child
}

fn wait_and_end(how: rustix::fs::FlockOperation) {
    let root = scratch();
    lay(&root.path().join("image"), "usr/x 644 \"x\"");
    let dest = root.path().join("dest");
    lay(&dest, "usr/ 755");
    let held = fs::File::open(&dest).expect("dest");
    rustix::fs::flock(&held, how).expect("the lock");
    let waiting = start_waiting(root.path());
    assert!(!dest.join("usr/x").exists());
    let killed = start_waiting(root.path());
    Command::new("kill")
        .arg(killed.id().to_string())
        .status()
        .expect("kill");
    let status = patience::end(killed, "a merge that was told to end").status;
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(15)
    );
    drop(held);
    end(waiting, "after the lock");
    assert!(dest.join("usr/x").exists());
}
