//! Signals to py-foreach: nothing is left, and it dies by the same signal.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::process::Signal;
use test_support::patience::{self, Lines};
use test_support::{Tool, pythons, scratch};

use crate::gate::{Gate, until};
use crate::running::{MARK, Running, marked};
use crate::tool;
use crate::traced::traced;

/// A job that says that it is there, with a grandchild in a session of its own, and stays.
pub(crate) const STAYS: &str =
    r#"setsid sh -c 'echo "$MULTIBUILD_ID" > "$GATES/ready"; sleep 1000' & wait"#;

/// A job that only KILL ends. It tells each INT and TERM, of which it loses none: a shell that starts
/// something just then would.
pub(crate) const STUBBORN: &str = r#"exec python3 -c '
import os, signal
both = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, both)
tell = lambda gate, word: open(os.environ["GATES"] + "/" + gate, "w").write(word + "\n")
tell("ready", "")
while True: tell("told", signal.Signals(signal.sigwait(both)).name)'"#;

/// Runs `script` for `a b c`, its temporary things in `dir`, its processes marked with `dir`.
pub(crate) fn script(dir: &Path, options: &[&str], script: &str) -> Tool {
    tool()
        .args(["--variants", "a b c"])
        .args(options)
        .env("GATES", dir)
        .env("TMPDIR", dir.join("tmp"))
        .env(MARK, dir)
        .args(["sh", "-c", script])
}

/// Nothing runs on, and nothing but logs is left.
#[track_caller]
pub(crate) fn nothing_is_left(dir: &Path) {
    let left: Vec<_> = marked(dir.to_str().unwrap())
        .into_iter()
        .map(|pid| (pid, fs::read_to_string(format!("/proc/{pid}/stat"))))
        .collect();
    assert!(left.is_empty(), "processes are left: {left:?}");
    let left = fs::read_dir(dir.join("tmp")).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = left
        .filter(|name| !name.starts_with("py-foreach-logs-"))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "temporary things are left");
}

pub(crate) fn room() -> tempfile::TempDir {
    let dir = scratch();
    fs::create_dir(dir.path().join("tmp")).unwrap();
    dir
}

#[test]
fn each_signal_ends_the_trees_and_then_us() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let dir = room();
        let ready = Gate::new(dir.path(), "ready");
        let run = Running::start(script(dir.path(), &["-j2"], STAYS));
        ready.lines(2);
        run.signal(signal);
        let outcome = run.end();
        assert_eq!(outcome.signal, Some(signal.as_raw()), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("py-foreach: c: was not started"));
        nothing_is_left(dir.path());
    }
}

#[test]
fn a_signal_while_one_has_ended_and_its_output_waits() {
    let dir = room();
    let ready = Gate::new(dir.path(), "ready");
    let text = format!("case $MULTIBUILD_ID in b) echo x; echo > $GATES/ready;; *) {STAYS};; esac");
    let run = Running::start(script(dir.path(), &["-j3"], &text));
    ready.lines(3);
    run.signal(Signal::TERM);
    assert_eq!(run.end().signal, Some(Signal::TERM.as_raw()));
    nothing_is_left(dir.path());
}

#[test]
fn a_signal_while_nobody_takes_our_output() {
    let dir = room();
    let ready = Gate::new(dir.path(), "ready");
    let text = r#"head -c 1000000 /dev/zero; echo > "$GATES/ready"; sleep 1000"#;
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    let mut command = script(dir.path(), &["-j1"], text).into_command();
    let child = command.process_group(0).stdout(writer).spawn().unwrap();
    drop(command);
    ready.line();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    // Nobody reads, and nobody is waited for.
    let status = patience::end(child, "py-foreach").status;
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(15)
    );
    drop(reader);
    nothing_is_left(dir.path());
}

#[test]
fn a_signal_while_pythons_are_looked_for() {
    let dir = room();
    let ready = Gate::new(dir.path(), "ready");
    let python = dir.path().join("python3.12");
    fs::write(
        &python,
        "#!/bin/sh\necho > \"$GATES/ready\"\nsleep 1000 & wait\n",
    )
    .unwrap();
    fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let run = tool()
        .arg("-i")
        .arg(&python)
        .arg("true")
        .env("GATES", dir.path())
        .env("TMPDIR", dir.path().join("tmp"))
        .env(MARK, dir.path());
    let run = Running::start(run);
    ready.line();
    run.signal(Signal::INT);
    let outcome = run.end();
    assert_eq!(outcome.signal, Some(Signal::INT.as_raw()));
    assert_eq!(outcome.stderr, "");
    until("the interpreter ends with what it started", || {
        marked(dir.path().to_str().unwrap()).is_empty()
    });
    nothing_is_left(dir.path());
}

#[test]
fn a_second_interrupt_kills() {
    test_support::need_command("python3", "python3");
    let dir = room();
    let (ready, told) = (
        Gate::new(dir.path(), "ready"),
        Gate::new(dir.path(), "told"),
    );
    let run = Running::start(script(dir.path(), &["-j3", "--grace=1h"], STUBBORN));
    ready.lines(3);
    run.signal(Signal::INT);
    // They have heard it, and stay.
    assert_eq!(told.lines(3), ["SIGINT"; 3]);
    run.signal(Signal::INT);
    assert_eq!(run.end().signal, Some(Signal::INT.as_raw()));
    nothing_is_left(dir.path());
}

/// No `signal` is pending for `pid`.
pub(crate) fn handled(pid: i32, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let pending = status
        .lines()
        .find_map(|line| line.strip_prefix("ShdPnd:"))
        .unwrap();
    let pending = u64::from_str_radix(pending.trim(), 16).unwrap();
    pending & (1 << (signal.as_raw() - 1)) == 0
}

#[test]
fn an_ignored_signal_stays_ignored() {
    let dir = room();
    let (ready, go) = (Gate::new(dir.path(), "ready"), Gate::new(dir.path(), "go"));
    let text = r#"kill -HUP $$; echo > "$GATES/ready"; read x < "$GATES/go""#;
    let mut nohup = Command::new("sh");
    nohup.args(["-c", r#"trap "" HUP; exec "$@""#, "sh"]);
    let nohup = script(dir.path(), &["-j3"], text).behind(nohup);
    let run = Running::start_command(nohup);
    ready.lines(3);
    run.signal(Signal::HUP);
    go.open(3);
    run.end().expect(0);
    nothing_is_left(dir.path());
}

/// Three jobs that do `text`, by their numbers, and the run, which has their supervisors in its books.
pub(crate) fn three(dir: &Path, text: &str) -> (Running, Vec<i32>) {
    let ready = Gate::new(dir, "ready");
    let text = format!(r#"echo here; echo $$ > "$GATES/ready"; {text}"#);
    let logs = ["-j3", "--log-dir", dir.to_str().unwrap()];
    let run = Running::start(script(dir, &logs, &text));
    let told = ready.lines(3);
    // A job can speak before py-foreach has heard that it was started; its output is taken after that.
    until("the output of each is taken", || {
        let log = |name| fs::read(dir.join(name)).unwrap_or_default();
        ["build-a.log", "build-b.log", "build-c.log"].map(log) == ["here\n"; 3].map(Vec::from)
    });
    (run, told.iter().map(|pid| pid.parse().unwrap()).collect())
}

#[test]
fn stop_and_continue_reach_the_jobs() {
    let dir = room();
    let go = Gate::new(dir.path(), "go");
    let (run, jobs) = three(dir.path(), r#"read x < "$GATES/go""#);
    run.signal(Signal::TSTP);
    until("all are stopped", || {
        jobs.iter()
            .chain([&run.pid()])
            .all(|&pid| state(pid) == 'T')
    });
    run.signal(Signal::CONT);
    until("all go on", || {
        jobs.iter()
            .chain([&run.pid()])
            .all(|&pid| state(pid) != 'T')
    });
    go.open(3);
    run.end().expect(0);
}

pub(crate) fn state(pid: i32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().unwrap().chars().next().unwrap()
}

#[test]
fn after_kill_no_job_runs_on() {
    let dir = room();
    let ready = Gate::new(dir.path(), "ready");
    let run = Running::start(script(dir.path(), &["-j3"], STAYS));
    ready.lines(3);
    run.signal(Signal::KILL);
    assert_eq!(run.end().signal, Some(Signal::KILL.as_raw()));
    until("the trees end", || {
        marked(dir.path().to_str().unwrap()).is_empty()
    });
}

#[test]
fn usr1_prints_the_status() {
    let dir = room();
    let (ready, go) = (Gate::new(dir.path(), "ready"), Gate::new(dir.path(), "go"));
    let text = r#"echo "building $MULTIBUILD_ID"; echo > "$GATES/ready"; read x < "$GATES/go""#;
    let logs = ["--log-dir", dir.path().to_str().unwrap()];
    let mut command = script(dir.path(), &["-j2", logs[0], logs[1]], text).into_command();
    let begun = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = Lines::of(child.stderr.take().unwrap());
    ready.lines(2);
    until("what they printed is logged", || {
        let log = |name| fs::read_to_string(dir.path().join(name)).unwrap_or_default();
        log("build-a.log") == "building a\n" && log("build-b.log") == "building b\n"
    });
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::USR1).unwrap();
    for name in ["a", "b"] {
        let line = said.next_line();
        let seconds = line
            .strip_prefix(&format!("py-foreach: {name}: runs for "))
            .and_then(|rest| rest.strip_suffix(&format!(" s, printed last: building {name}")))
            .unwrap_or_else(|| panic!("{line}"));
        let most = begun.elapsed().as_secs();
        assert!(seconds.parse::<u64>().unwrap() <= most, "{line}: {most} s");
    }
    go.open(3);
    assert!(patience::end(child, "py-foreach").status.success());
    assert_eq!(said.rest(), Vec::<String>::new());
}

#[test]
fn a_pythons_job_is_ended_like_any() {
    let Some(pythons) = pythons::newest("a_pythons_job_is_ended_like_any", 2) else {
        return;
    };
    let dir = room();
    let ready = Gate::new(dir.path(), "ready");
    let paths: Vec<_> = pythons.iter().map(|p| p.path.to_str().unwrap()).collect();
    let images = dir.path().join("images");
    let run = tool()
        .args(["-j2", "-i", &paths.join(","), "--images"])
        .arg(&images)
        .env("GATES", dir.path())
        .env("TMPDIR", dir.path().join("tmp"))
        .env(MARK, dir.path())
        .args(["sh", "-c", STAYS]);
    let run = Running::start(run);
    ready.lines(2);
    run.signal(Signal::TERM);
    let outcome = run.end();
    assert_eq!(outcome.signal, Some(15));
    // No record, and no end: whoever reads this knows that something is missing.
    assert_eq!(outcome.stdout, "");
    nothing_is_left(dir.path());
}

/// Each file of a copy takes 20 ms.
const SLOW_COPY: &str = "utimensat:delay_enter=20000";

#[test]
fn a_signal_while_sources_are_copied() {
    for signal in [Signal::INT, Signal::TERM] {
        let dir = room();
        let source = dir.path().join("source");
        fs::create_dir(&source).unwrap();
        // To copy them all would take more than a minute.
        for number in 0..4000 {
            fs::write(source.join(number.to_string()), "").unwrap();
        }
        let build = dir.path().join("build");
        let options = ["-j2", "--copy-sources", source.to_str().unwrap(), "-b"];
        let options = [&options[..], &[build.to_str().unwrap()]].concat();
        let tool = script(dir.path(), &options, "exit 9");
        let Some(command) = traced("a_signal_while_sources_are_copied", tool, &[SLOW_COPY]) else {
            return;
        };
        let run = Running::start_command(command);
        let begun = |name: &str| {
            let copy = dir.path().join(format!("build-{name}"));
            fs::read_dir(copy).is_ok_and(|entries| entries.count() > 2)
        };
        until("two copies are under way", || begun("a") && begun("b"));
        run.signal(signal);
        let outcome = run.end();
        assert_eq!(outcome.signal, Some(signal.as_raw()), "{}", outcome.stderr);
        nothing_is_left(dir.path());
        for name in ["build-a", "build-b", "build-c"] {
            assert!(!dir.path().join(name).exists(), "{name} is left");
        }
        assert_eq!(fs::read_dir(&source).unwrap().count(), 4000);
    }
}
