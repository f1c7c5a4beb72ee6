//! A py-foreach that runs while the test does something to it.

use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use test_support::patience::Stream;
use test_support::{Outcome, Tool};

use crate::gate::{PATIENCE, lives, until};

/// A run under way. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
}

impl Running {
    /// Starts `tool`; both its streams are read all the time.
    pub(crate) fn start(tool: Tool) -> Self {
        Self::start_command(tool.into_command())
    }

    pub(crate) fn start_command(command: Command) -> Self {
        Self::start_onto(command, Stdio::piped(), Stdio::piped())
    }

    /// Starts `command` with streams of the test's own; those that are piped are read all the time.
    pub(crate) fn start_onto(
        mut command: Command,
        stdout: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
    ) -> Self {
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .expect("the tool starts");
        let stdout = child.stdout.take().map(Stream::of);
        let stderr = child.stderr.take().map(Stream::of);
        Self {
            child,
            stdout,
            stderr,
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("the means of the test")
    }

    /// Sends a signal to the tool alone.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the means of the test");
    }

    /// Sends a signal to the tool's process group, as a terminal does.
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(Pid::from_child(&self.child), signal).expect("the means of the test");
    }

    /// What has come on standard output.
    pub(crate) fn shown(&self) -> String {
        so_far(self.stdout.as_ref())
    }

    /// What has come on standard error.
    pub(crate) fn said(&self) -> String {
        so_far(self.stderr.as_ref())
    }

    /// Waits until `line` is a line of standard output.
    #[track_caller]
    pub(crate) fn shows(&self, line: &str) {
        until(&format!("{line:?} is shown"), || {
            self.shown()
                .split_inclusive('\n')
                .any(|l| l.strip_suffix('\n') == Some(line))
        });
    }

    /// Waits for the end, which must come in time, and for that of both streams.
    #[track_caller]
    pub(crate) fn end(mut self) -> Outcome {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the means of the test") {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                self.hangs("does not end");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        // Nothing of a stream that the test has itself.
        let all = |stream: Option<Stream>| {
            let whole = stream.map_or(Some(Vec::new()), |stream| stream.whole(PATIENCE));
            let whole =
                whole.unwrap_or_else(|| self.hangs("has ended, and its output is held open"));
            String::from_utf8_lossy(&whole).into_owned()
        };
        Outcome {
            status: status.code(),
            signal: status.signal(),
            stdout: all(stdout),
            stderr: all(stderr),
        }
    }

    #[track_caller]
    fn hangs(&self, how: &str) -> ! {
        let tree = Command::new("ps").args(["-ef", "--forest"]).output();
        let tree = tree.map(|out| String::from_utf8_lossy(&out.stdout).into_owned());
        panic!("{} {how}:\n{}", self.pid(), tree.unwrap_or_default());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _gone = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _gone = self.child.wait();
        }
    }
}

fn so_far(stream: Option<&Stream>) -> String {
    let bytes = stream.expect("it is read").so_far();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A process that is to end with the test.
pub(crate) struct Killed(pub(crate) i32);

impl Drop for Killed {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.0) {
            let _gone = kill_process(pid, Signal::KILL);
        }
    }
}

/// The processes whose environment holds `MARK=value`, which a test gives to its tool alone.
pub(crate) fn marked(value: &str) -> Vec<i32> {
    let wanted = format!("{MARK}={value}");
    let entries = fs::read_dir("/proc")
        .expect("the means of the test")
        .flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut pairs = environment.split(|&byte| byte == 0);
        pairs.any(|pair| pair == wanted.as_bytes()) && lives(*pid)
    })
    .collect()
}

/// The variable that [`marked`] looks for.
pub(crate) const MARK: &str = "PY_FOREACH_TEST";
