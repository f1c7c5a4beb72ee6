//! One run at a time on an image: the others wait, and a signal ends the wait.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Child;

use rustix::fs::FlockOperation;
use rustix::process::{Pid, Signal, kill_process};
use test_support::{Tool, is_waiting_for_a_lock, lay, listing, patience, scratch};

/// A run that waits for the image.
fn waiting(image: &Path, words: &[&str]) -> Child {
    let tool = Tool::new(env!("CARGO_BIN_EXE_py-wrapper")).args(["-q", "--impl", "python3.11"]);
    let mut child = tool.args(words).arg(image).into_command().spawn().unwrap();
    patience::until("it waits for the lock", || {
        assert!(child.try_wait().unwrap().is_none(), "it did not wait");
        is_waiting_for_a_lock(child.id())
    });
    child
}

/// The image with the lock of another run on it.
fn locked(image: &Path) -> File {
    let held = File::open(image).unwrap();
    rustix::fs::flock(&held, FlockOperation::LockExclusive).unwrap();
    held
}

#[test]
fn a_signal_ends_the_wait() {
    let image = scratch();
    lay(image.path(), "usr/bin/a 755 \"#!/usr/bin/python3\\n\"");
    let before = listing(image.path());
    let held = locked(image.path());
    let file = image.path().join("usr/bin/a");
    let replicate = ["--replicate", file.to_str().unwrap()];
    for words in [&[][..], &replicate] {
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let child = waiting(image.path(), words);
            kill_process(Pid::from_child(&child), signal).unwrap();
            // The lock is held for longer than this waits, so that only the signal can end it.
            let status = patience::end(child, "a run that was signalled").status;
            assert_eq!(status.signal(), Some(signal.as_raw()), "{words:?}");
        }
    }
    drop(held);
    assert_eq!(listing(image.path()), before);
}

#[test]
fn a_run_that_waited_sees_the_changes_of_the_other() {
    let image = scratch();
    lay(image.path(), "usr/bin/a 755 \"#!/usr/bin/python3\\n\"");
    let held = locked(image.path());
    let child = waiting(image.path(), &[]);
    lay(image.path(), "usr/bin/b 755 \"#!/usr/bin/python3\\n\"");
    drop(held);
    assert!(patience::end(child, "py-wrapper").status.success());
    let after = listing(image.path());
    assert_eq!(after.matches("# Made by py-wrapper").count(), 2, "{after}");
}
