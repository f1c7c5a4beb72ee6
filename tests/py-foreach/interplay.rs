//! Signals, `--halt` and `--timeout` when they meet: whatever comes second finds the first at work.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use test_support::patience::{self, Lines};
use test_support::{need_command, pythons};

use crate::gate::{Gate, until};
use crate::running::{MARK, Running, marked};
use crate::signals::{STAYS, STUBBORN, handled, nothing_is_left, room, script, state, three};
use crate::tool;

#[test]
fn a_signal_while_a_halt_ends_the_others() {
    need_command("python3", "python3");
    let dir = room();
    let (ready, go) = (Gate::new(dir.path(), "ready"), Gate::new(dir.path(), "go"));
    let told = Gate::new(dir.path(), "told");
    let text =
        format!(r#"case $MULTIBUILD_ID in b) read x < "$GATES/go"; exit 9;; esac; {STUBBORN}"#);
    let options = ["-j3", "--halt=now", "--grace=1h"];
    let run = Running::start(script(dir.path(), &options, &text));
    ready.lines(2);
    go.open(1);
    assert_eq!(told.lines(2), ["SIGTERM"; 2]);
    run.signal(Signal::INT);
    assert_eq!(told.lines(2), ["SIGINT"; 2]);
    // By TERM they were told already.
    run.signal(Signal::TERM);
    told.stays_shut();
    run.signal(Signal::INT);
    let outcome = run.end();
    // The first is what we die by, the second INT ends those that do not obey.
    assert_eq!(outcome.signal, Some(Signal::INT.as_raw()));
    nothing_is_left(dir.path());
}

#[test]
fn a_signal_while_a_time_limit_waits_for_the_grace() {
    need_command("python3", "python3");
    let dir = room();
    let (ready, told) = (
        Gate::new(dir.path(), "ready"),
        Gate::new(dir.path(), "told"),
    );
    let options = ["-j1", "--timeout=3", "--grace=1h"];
    let run = Running::start(script(dir.path(), &options, STUBBORN));
    ready.line();
    assert_eq!(told.line(), "SIGTERM");
    run.signal(Signal::INT);
    assert_eq!(told.line(), "SIGINT");
    run.signal(Signal::INT);
    let outcome = run.end();
    assert_eq!(outcome.signal, Some(Signal::INT.as_raw()));
    let said = "py-foreach: a: ran into its time limit; its log is /";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    nothing_is_left(dir.path());
}

#[test]
fn a_time_limit_ends_a_job_that_ignored_the_signal() {
    let dir = room();
    let ready = Gate::new(dir.path(), "ready");
    let text = r#"trap "" INT; echo > "$GATES/ready"; while :; do sleep 1000; done"#;
    let options = ["-j1", "--timeout=3", "--grace=1h"];
    let run = Running::start(script(dir.path(), &options, text));
    ready.line();
    run.signal(Signal::INT);
    let outcome = run.end();
    assert_eq!(outcome.signal, Some(Signal::INT.as_raw()));
    // The signal came first, so the job counts as stopped.
    let said = "py-foreach: a: was stopped";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    nothing_is_left(dir.path());
}

#[test]
fn a_signal_after_a_failure_under_halt_soon() {
    let dir = room();
    let ready = Gate::new(dir.path(), "ready");
    let text = format!("case $MULTIBUILD_ID in a) exit 4;; esac; echo b runs; {STAYS}");
    let run = Running::start(script(dir.path(), &["-j2", "--halt=soon"], &text));
    ready.line();
    // It is shown when a is known to have failed, and not before.
    run.shows("b runs");
    run.signal(Signal::HUP);
    let outcome = run.end();
    assert_eq!(outcome.signal, Some(Signal::HUP.as_raw()));
    for said in [
        "a: exited with status 4",
        "b: was stopped",
        "c: was not started",
    ] {
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
    nothing_is_left(dir.path());
}

#[test]
fn a_time_limit_is_a_failure_that_halts() {
    let text = "case $MULTIBUILD_ID in a) exec sleep 1000;; esac; echo $MULTIBUILD_ID";
    let dir = room();
    let run = |options: &[&str]| {
        Running::start(script(dir.path(), options, text))
            .end()
            .expect(124)
    };
    let outcome = run(&["-j1", "--timeout=0.1", "--halt=soon"]);
    assert_eq!(outcome.stdout, "");
    assert!(outcome.stderr.contains("py-foreach: b: was not started"));
    assert_eq!(run(&["-j1", "--timeout=0.1"]).stdout, "b\nc\n");
    // The others run as long as they want, until the first has run into its limit.
    let ready = Gate::new(dir.path(), "ready");
    let text = r#"echo $$ > "$GATES/ready"; case $MULTIBUILD_ID in
        a) exec sleep 1000;; esac; trap "exit 5" TERM; sleep 1000 & wait"#;
    let options = ["-j3", "--timeout=3", "--halt=now"];
    let outcome = Running::start(script(dir.path(), &options, text)).end();
    ready.lines(3);
    outcome.expect(124);
    nothing_is_left(dir.path());
}

#[test]
fn the_status_is_told_of_those_that_run() {
    let dir = room();
    let (ready, go) = (Gate::new(dir.path(), "ready"), Gate::new(dir.path(), "go"));
    let text = r#"case $MULTIBUILD_ID in a) exit;; esac
        echo $MULTIBUILD_ID runs; echo > "$GATES/ready"; read x < "$GATES/go""#;
    let mut command = script(dir.path(), &["-j3"], text).into_command();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let shown = Lines::of(child.stdout.take().unwrap());
    let said = Lines::of(child.stderr.take().unwrap());
    ready.lines(2);
    // It is shown when a is known to have ended, and not before.
    assert_eq!(shown.next_line(), "b runs");
    kill_process(Pid::from_child(&child), Signal::USR1).unwrap();
    for name in ["b", "c"] {
        let line = said.next_line();
        assert!(
            line.starts_with(&format!("py-foreach: {name}: runs for ")),
            "{line}"
        );
    }
    go.open(2);
    assert!(patience::end(child, "py-foreach").status.success());
    assert_eq!(shown.rest(), ["c runs"]);
    assert_eq!(said.rest(), Vec::<String>::new());
}

#[test]
fn usr1_during_discovery_ends_nothing() {
    let test = "usr1_during_discovery_ends_nothing";
    let Some(all) = pythons::newest(test, 1) else {
        return;
    };
    let dir = room();
    let (ready, go) = (Gate::new(dir.path(), "ready"), Gate::new(dir.path(), "go"));
    let python = dir.path().join(&all[0].epython);
    let real = all[0].path.display();
    let program =
        format!("#!/bin/sh\necho > \"$GATES/ready\"\nread x < \"$GATES/go\"\nexec {real} \"$@\"\n");
    fs::write(&python, program).unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    let run = tool()
        .arg("-i")
        .arg(&python)
        .args(["echo", "built"])
        .env("GATES", dir.path())
        .env("TMPDIR", dir.path().join("tmp"))
        .env(MARK, dir.path());
    let run = Running::start(run);
    ready.line();
    run.signal(Signal::USR1);
    until("it is heard", || handled(run.pid(), Signal::USR1));
    go.open(1);
    assert_eq!(run.end().expect(0).stdout, "built\n");
    nothing_is_left(dir.path());
}

/// Three jobs that are stopped as a terminal stops them, and the run.
fn stopped(dir: &Path, text: &str) -> (Running, Vec<i32>) {
    let (run, jobs) = three(dir, text);
    run.signal_group(Signal::TSTP);
    until("all are stopped", || {
        jobs.iter()
            .chain([&run.pid()])
            .all(|&pid| state(pid) == 'T')
    });
    (run, jobs)
}

#[test]
fn a_terminal_stops_and_continues_all() {
    let dir = room();
    let go = Gate::new(dir.path(), "go");
    let (run, jobs) = stopped(dir.path(), r#"read x < "$GATES/go""#);
    run.signal_group(Signal::CONT);
    until("all go on", || jobs.iter().all(|&pid| state(pid) != 'T'));
    // And once more.
    run.signal_group(Signal::TSTP);
    until("all are stopped again", || {
        jobs.iter()
            .chain([&run.pid()])
            .all(|&pid| state(pid) == 'T')
    });
    run.signal_group(Signal::CONT);
    go.open(3);
    run.end().expect(0);
    nothing_is_left(dir.path());
}

#[test]
fn stopped_jobs_are_ended_like_others() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = room();
        let (run, _jobs) = stopped(dir.path(), "setsid sleep 1000 & wait");
        run.signal_group(signal);
        run.signal_group(Signal::CONT);
        assert_eq!(run.end().signal, Some(signal.as_raw()));
        nothing_is_left(dir.path());
    }
}

#[test]
fn after_kill_stopped_jobs_end_too() {
    let dir = room();
    let (run, _jobs) = stopped(dir.path(), "setsid sleep 1000 & wait");
    run.signal(Signal::KILL);
    assert_eq!(run.end().signal, Some(Signal::KILL.as_raw()));
    until("the trees end", || {
        marked(dir.path().to_str().unwrap()).is_empty()
    });
}

#[test]
fn a_signal_while_the_report_is_written() {
    let dir = room();
    let report = Gate::new(dir.path(), "report");
    // Its reader takes nothing, and it is full.
    let mut full = fs::File::options()
        .write(true)
        .open(dir.path().join("report"))
        .unwrap();
    rustix::io::ioctl_fionbio(&full, true).unwrap();
    while full.write(&[b'x'; 1024]).is_ok() {}
    // The other one is written just before it.
    let joblog = Gate::new(dir.path(), "joblog");
    let path = |name| {
        dir.path()
            .join(name)
            .into_os_string()
            .into_string()
            .unwrap()
    };
    let (report_path, joblog_path) = (path("report"), path("joblog"));
    let options = ["--report", &*report_path, "--joblog", &*joblog_path];
    let run = Running::start(script(dir.path(), &options, "true"));
    assert!(joblog.lines(4)[0].starts_with("Seq\t"));
    run.signal(Signal::TERM);
    assert_eq!(run.end().signal, Some(Signal::TERM.as_raw()));
    nothing_is_left(dir.path());
    drop(report);
}
