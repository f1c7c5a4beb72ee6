//! Barriers between a test and the jobs that it runs: fifos that no side waits for to open.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(crate) use test_support::patience::{STATE as PATIENCE, until};

/// How long it waits to see that something does not come.
pub(crate) const A_WHILE: Duration = Duration::from_millis(200);

/// A fifo that is open on both sides here, so that lines stay in it and nobody blocks in open(2).
#[derive(Debug)]
pub(crate) struct Gate(File);

impl Gate {
    pub(crate) fn new(directory: &Path, name: &str) -> Self {
        let path = fifo(directory, name);
        let file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .expect("the means of the test");
        Self(file)
    }

    /// Lets `count` jobs pass that do `read x < gate`.
    pub(crate) fn open(&self, count: usize) {
        (&self.0)
            .write_all(&vec![b'\n'; count])
            .expect("the means of the test");
    }

    /// Waits for one line from a job that did `echo line > gate`.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.line_within(PATIENCE).expect("a line from a job")
    }

    /// Waits for `count` lines.
    #[track_caller]
    pub(crate) fn lines(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.line()).collect()
    }

    /// Asserts that no line comes for a while.
    #[track_caller]
    pub(crate) fn stays_shut(&self) {
        let came = self.line_within(A_WHILE);
        assert!(came.is_none(), "nothing should have come, but {came:?} did");
    }

    fn line_within(&self, patience: Duration) -> Option<String> {
        if !readable(&self.0, patience) {
            return None;
        }
        let mut line = Vec::new();
        let mut byte = [0];
        while byte[0] != b'\n' {
            (&self.0)
                .read_exact(&mut byte)
                .expect("the means of the test");
            line.extend_from_slice(&byte);
        }
        line.pop();
        Some(String::from_utf8(line).expect("the means of the test"))
    }
}

/// Makes a fifo that nobody has open.
pub(crate) fn fifo(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    let made = Command::new("mkfifo").arg(&path).status();
    let made = made.expect("the means of the test");
    assert!(made.success(), "mkfifo {}", path.display());
    path
}

/// Waits for something to read.
fn readable(file: &File, patience: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let patience = Timespec::try_from(patience).expect("the means of the test");
    let mut fds = [PollFd::new(file, PollFlags::IN)];
    poll(&mut fds, Some(&patience)).expect("the means of the test") > 0
}

/// Whether a process is there and no zombie.
pub(crate) fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}
