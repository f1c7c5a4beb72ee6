//! A merge that stands still at a system call, so that the test can act meanwhile.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use test_support::need_command;

/// A merge under strace, stopped.
#[derive(Debug)]
pub(crate) struct Paused {
    strace: Child,
    merge: Pid,
    log: BufReader<File>,
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
    need_command("strace", "strace");
    let pipe = root.join("strace.log");
    drop(fs::remove_file(&pipe));
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
    )
    .expect("a fifo");
    let strace = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&pipe)
        .arg(format!("--trace={call},getdents64,renameat2"))
        .args(options)
        .arg(format!("--inject={call}:signal=STOP:when={nth}"))
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("strace");
    let mut log = BufReader::new(File::open(&pipe).expect("the log"));
    let mut line = String::new();
    loop {
        line.clear();
        let read = log.read_line(&mut line).expect("the log");
        assert_ne!(read, 0, "it came to no {nth}th {call}");
        if line.contains("stopped by SIGSTOP") {
            break;
        }
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
        let lines = self.log.lines().map(|line| line.expect("the log"));
        let listings = lines.filter(|line| line.contains("getdents64")).count();
        let output = self.strace.wait_with_output().expect("strace");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said, listings)
    }
}
