//! Streams that somebody has and does not read: they hold up no job, no time limit and no signal.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::Signal;
use test_support::{Tool, pythons};

use crate::gate::{Gate, until};
use crate::running::{MARK, Running, marked};
use crate::signals::{STAYS, handled, nothing_is_left, room, script};
use crate::tool;

/// A pipe that is full.
struct Stalled {
    reader: File,
    writer: OwnedFd,
}

impl Stalled {
    fn new() -> Self {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        fill(&writer);
        let reader = reader.into();
        Self { reader, writer }
    }

    /// The end that py-foreach is given.
    fn end(&self) -> OwnedFd {
        self.writer.try_clone().unwrap()
    }

    /// What was written behind that which filled it, up to the line that has `last` in it.
    fn read_until(&self, last: &str) -> String {
        let mut bytes = Vec::new();
        loop {
            let mut more = [0; 4096];
            let count = (&self.reader).read(&mut more).unwrap();
            bytes.extend(more[..count].iter().filter(|byte| **byte != 0));
            let text = String::from_utf8_lossy(&bytes);
            if text.ends_with('\n') && text.contains(last) {
                return text.into_owned();
            }
        }
    }

    /// What was written behind that which filled it, now that somebody reads.
    fn read(self) -> String {
        drop(self.writer);
        let mut bytes = Vec::new();
        let mut reader = self.reader;
        reader.read_to_end(&mut bytes).unwrap();
        let text = bytes.into_iter().skip_while(|&byte| byte == 0).collect();
        String::from_utf8(text).unwrap()
    }
}

/// Writes NULs until there is no room.
pub(crate) fn fill(fd: &OwnedFd) {
    let flags = fcntl_getfl(fd).unwrap();
    fcntl_setfl(fd, flags | OFlags::NONBLOCK).unwrap();
    while rustix::io::write(fd, &[0; 512]) != Err(Errno::AGAIN) {}
    fcntl_setfl(fd, flags).unwrap();
}

fn with_stalled_stderr(command: impl Into<Command>, stderr: &Stalled) -> Running {
    Running::start_onto(command.into(), Stdio::piped(), stderr.end())
}

fn with_stalled_stdout(tool: Tool, stdout: &Stalled) -> Running {
    Running::start_onto(tool.into_command(), stdout.end(), Stdio::piped())
}

/// Whether `name` has a log yet.
fn log_of(name: &str, dir: &Path) -> bool {
    let entries = std::fs::read_dir(dir.join("tmp")).unwrap();
    let mut places = entries.map(|entry| entry.unwrap().path());
    places.any(|place| place.join(format!("build-{name}.log")).exists())
}

#[track_caller]
fn died(run: Running, signal: Signal, dir: &Path) {
    assert_eq!(run.end().signal, Some(signal.as_raw()));
    nothing_is_left(dir);
}

#[test]
fn a_status_that_nobody_reads_keeps_no_job_and_no_signal_waiting() {
    let dir = room();
    let (ready, go) = (Gate::new(dir.path(), "ready"), Gate::new(dir.path(), "go"));
    let text = r#"echo "$MULTIBUILD_ID" > "$GATES/ready"; read x < "$GATES/go""#;
    let stderr = Stalled::new();
    let run = script(dir.path(), &["-j1"], text).into_command();
    let run = with_stalled_stderr(run, &stderr);
    assert_eq!(ready.line(), "a");
    for next in ["b", "c"] {
        run.signal(Signal::USR1);
        until("it has come", || handled(run.pid(), Signal::USR1));
        go.open(1);
        assert_eq!(ready.line(), next, "the slot came back");
    }
    run.signal(Signal::TERM);
    died(run, Signal::TERM, dir.path());
}

#[test]
fn a_status_that_is_read_late_is_whole() {
    let dir = room();
    let (ready, go) = (Gate::new(dir.path(), "ready"), Gate::new(dir.path(), "go"));
    let text = r#"echo "$MULTIBUILD_ID" > "$GATES/ready"; read x < "$GATES/go""#;
    let stderr = Stalled::new();
    let run = script(dir.path(), &["-j3"], text).into_command();
    let run = with_stalled_stderr(run, &stderr);
    ready.lines(3);
    run.signal(Signal::USR1);
    until("it has come", || handled(run.pid(), Signal::USR1));
    let said = stderr.read_until("c: runs for");
    go.open(3);
    run.end().expect(0);
    let names: Vec<_> = said.lines().map(|line| &line[..15]).collect();
    assert_eq!(
        names,
        ["py-foreach: a: ", "py-foreach: b: ", "py-foreach: c: "]
    );
}

#[test]
fn what_is_said_last_keeps_no_signal_waiting() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let dir = room();
        let ready = Gate::new(dir.path(), "ready");
        // One has failed, two are ended, and all is to be said.
        let text = format!("case $MULTIBUILD_ID in a) echo x; exit 3;; *) {STAYS};; esac");
        let stderr = Stalled::new();
        let run = script(dir.path(), &["-j3"], &text).into_command();
        let run = with_stalled_stderr(run, &stderr);
        ready.lines(2);
        run.signal(signal);
        died(run, signal, dir.path());
    }
}

#[test]
fn a_signal_while_the_last_is_said() {
    let dir = room();
    let stderr = Stalled::new();
    let run = script(dir.path(), &["-j3"], "echo x; exit 3").into_command();
    let run = with_stalled_stderr(run, &stderr);
    until("all have ended", || {
        log_of("c", dir.path()) && marked(dir.path().to_str().unwrap()).len() == 1
    });
    run.signal(Signal::TERM);
    died(run, Signal::TERM, dir.path());
}

#[test]
fn what_is_said_last_is_whole_when_it_is_read_late() {
    let dir = room();
    let (ready, go) = (Gate::new(dir.path(), "ready"), Gate::new(dir.path(), "go"));
    let text = r#"echo > "$GATES/ready"; read x < "$GATES/go"; echo "$MULTIBUILD_ID ends"; exit 3"#;
    let stderr = Stalled::new();
    let run = script(dir.path(), &["-j3"], text).into_command();
    let run = with_stalled_stderr(run, &stderr);
    ready.lines(3);
    go.open(3);
    let reader = std::thread::spawn(move || stderr.read());
    run.end().expect(3);
    let said = reader.join().unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    assert!(
        lines[0].ends_with("it ends:") && lines[1] == "a ends",
        "{said}"
    );
}

#[test]
fn the_note_about_descriptors_keeps_no_signal_waiting() {
    let dir = room();
    let stderr = Stalled::new();
    let tool = script(dir.path(), &["-j3"], STAYS).into_command();
    let mut limited = Command::new("sh");
    limited.args(["-c", r#"ulimit -n 40; exec "$@""#, "sh"]);
    limited.arg(tool.get_program()).args(tool.get_args());
    for (name, value) in tool.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let run = with_stalled_stderr(limited, &stderr);
    until("the logs have a place", || {
        let entries = std::fs::read_dir(dir.path().join("tmp")).unwrap();
        let mut names = entries.map(|entry| entry.unwrap().file_name());
        names.any(|name| name.to_str().unwrap().starts_with("py-foreach-logs-"))
    });
    run.signal(Signal::TERM);
    died(run, Signal::TERM, dir.path());
}

#[test]
fn records_that_nobody_reads_keep_no_job_and_no_signal_waiting() {
    let Some(pythons) = pythons::newest(
        "records_that_nobody_reads_keep_no_job_and_no_signal_waiting",
        2,
    ) else {
        return;
    };
    let dir = room();
    let (ready, go) = (Gate::new(dir.path(), "ready"), Gate::new(dir.path(), "go"));
    let paths: Vec<_> = pythons.iter().map(|p| p.path.to_str().unwrap()).collect();
    let stdout = Stalled::new();
    let run = tool()
        .args(["-j1", "-i", &paths.join(","), "--images"])
        .arg(dir.path().join("images"))
        .env("GATES", dir.path())
        .env("TMPDIR", dir.path().join("tmp"))
        .env(MARK, dir.path())
        .args(["sh", "-c", r#"echo > "$GATES/ready"; read x < "$GATES/go""#]);
    let run = with_stalled_stdout(run, &stdout);
    ready.line();
    go.open(1);
    // The first has ended, and its record is under way.
    ready.line();
    run.signal(Signal::TERM);
    died(run, Signal::TERM, dir.path());
}

/// Ways to show output on a stdout that nobody reads.
const SHOWN: [&str; 2] = ["--output=live", "--output=prefix"];

#[test]
fn a_time_limit_holds_while_nobody_reads() {
    for how in SHOWN {
        let dir = room();
        let ended = Gate::new(dir.path(), "ended");
        let text = r#"trap 'echo TERM > "$GATES/ended"; exit' TERM
            echo begins; sleep 1000 & wait"#;
        let stdout = Stalled::new();
        let run = script(dir.path(), &["-j3", "--timeout=0.3", how], text);
        let run = with_stalled_stdout(run, &stdout);
        assert_eq!(ended.lines(3), ["TERM"; 3], "{how}");
        let reader = std::thread::spawn(move || stdout.read());
        run.end().expect(124);
        let shown = reader.join().unwrap();
        assert_eq!(shown.matches("begins\n").count(), 3, "{how}: {shown}");
    }
}

#[test]
fn a_slot_comes_back_while_nobody_reads() {
    for how in SHOWN {
        let dir = room();
        let ready = Gate::new(dir.path(), "ready");
        let text = r#"echo "this is $MULTIBUILD_ID"; echo > "$GATES/ready""#;
        let stdout = Stalled::new();
        let run = script(dir.path(), &["-j1", how], text);
        let run = with_stalled_stdout(run, &stdout);
        ready.lines(3);
        let reader = std::thread::spawn(move || stdout.read());
        run.end().expect(0);
        let shown = reader.join().unwrap();
        let words: Vec<_> = shown.lines().map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(words, [Some("a"), Some("b"), Some("c")], "{how}");
    }
}

#[test]
fn a_halt_halts_while_nobody_reads() {
    for how in SHOWN {
        let dir = room();
        let (ready, ended) = (
            Gate::new(dir.path(), "ready"),
            Gate::new(dir.path(), "ended"),
        );
        let go = Gate::new(dir.path(), "go");
        let text = r#"trap 'echo TERM > "$GATES/ended"; exit' TERM
            echo begins; echo > "$GATES/ready"
            case $MULTIBUILD_ID in b) read x < "$GATES/go"; exit 9;; *) sleep 1000 & wait;; esac"#;
        let stdout = Stalled::new();
        let run = script(dir.path(), &["-j3", "--halt=now", how], text);
        let run = with_stalled_stdout(run, &stdout);
        ready.lines(3);
        go.open(1);
        assert_eq!(ended.lines(2), ["TERM"; 2], "{how}");
        let reader = std::thread::spawn(move || stdout.read());
        run.end().expect(9);
        assert_eq!(reader.join().unwrap().matches("begins").count(), 3, "{how}");
    }
}

#[test]
fn a_signal_ends_all_while_nobody_reads() {
    for how in SHOWN {
        let dir = room();
        let ready = Gate::new(dir.path(), "ready");
        let stdout = Stalled::new();
        let text = format!("head -c 1000000 /dev/zero; {STAYS}");
        let run = script(dir.path(), &["-j3", how], &text);
        let run = with_stalled_stdout(run, &stdout);
        // Who has more to say than its pipe holds is not kept from it.
        ready.lines(3);
        run.signal(Signal::TERM);
        died(run, Signal::TERM, dir.path());
    }
}
