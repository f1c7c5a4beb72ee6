//! A merge that stands still at a system call, so that the test can act meanwhile.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use test_support::need_command;
use test_support::patience::{self, Lines};

/// A merge under strace, stopped.
#[derive(Debug)]
pub(crate) struct Paused {
    strace: Child,
    merge: Pid,
    log: Lines,
}

/// Runs a merge in `root` until its `nth` call of the kind `call` is done.
pub(crate) fn pause_at(root: &Path, call: &str, nth: u32, words: &[&str]) -> Paused {
    pause_at_with(root, call, nth, &[], words)
}

/// The same, with further options for strace.
pub(crate) fn pause_at_with(
    root: &Path,
    call: &str,
    nth: u32,
    options: &[&str],
    words: &[&str],
) -> Paused {
    pause_by(
        root,
        &format!("{call}:signal=STOP:when={nth}"),
        options,
        words,
    )
}

/// The same, with what is done to the call (and when, and the signal STOP) as strace has it.
pub(crate) fn pause_by(root: &Path, inject: &str, options: &[&str], words: &[&str]) -> Paused {
    let call = inject.split(':').next().unwrap_or_default();
    need_command("strace", "strace");
    // The merge itself prints nothing there.
    let mut strace = Command::new("strace")
        .args(["-f", "-o", "/dev/stdout"])
        .arg(format!("--trace={call},getdents64,renameat2"))
        .args(options)
        .arg(format!("--inject={inject}"))
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("strace");
    let log = Lines::of(strace.stdout.take().expect("a pipe"));
    // Where it comes to no such call there is no such line.
    let mut line = log.next_line();
    while !line.contains("stopped by SIGSTOP") {
        line = log.next_line();
    }
    let number = line.split_whitespace().next().and_then(|n| n.parse().ok());
    let merge = number.and_then(Pid::from_raw).expect("a process");
    Paused { strace, merge, log }
}

impl Paused {
    /// Lets it go on to its end: its status and what it said.
    pub(crate) fn resume(self) -> (Option<i32>, String) {
        let (status, said, _) = self.resume_and_count();
        (status, said)
    }

    /// The same, and how many directories were listed meanwhile, in system calls.
    pub(crate) fn resume_and_count(self) -> (Option<i32>, String, usize) {
        kill_process(self.merge, Signal::CONT).expect("the merge");
        let lines = self.log.rest();
        let listings = lines.iter().filter(|line| line.contains("getdents64"));
        let listings = listings.count();
        let output = patience::end(self.strace, "a merge that goes on");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said, listings)
    }
}
