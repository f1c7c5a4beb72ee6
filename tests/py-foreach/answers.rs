//! Programs that are asked something before or beside a job, and that never answer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;
use test_support::{Tool, scratch};

use crate::gate::{Gate, until};
use crate::running::{MARK, Running, marked};
use crate::tool;

/// What tells that it was called, and hangs with a child that holds its streams.
const HANGS: &str = "echo > \"$GATES/asked\"; sleep 1000 & wait";

/// A program `name` in `dir/bin`.
fn program(dir: &Path, name: &str, text: &str) {
    let bin = dir.join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join(name), format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// A py-foreach that finds the programs of `dir/bin` first.
fn foreach(dir: &Path, options: &[&str]) -> Tool {
    let path = std::env::var("PATH").unwrap();
    tool()
        .args(["--variants", "a"])
        .args(options)
        .env("PATH", format!("{}:{path}", dir.join("bin").display()))
        .env("GATES", dir)
        .env(MARK, dir)
        .in_directory(dir)
}

/// With `distcc` for a compiler, and with it hanging.
fn hanging_distcc(dir: &Path) -> Tool {
    program(dir, "distcc", HANGS);
    foreach(dir, &["echo", "built"]).env("CC", "distcc gcc")
}

/// With shell functions, and a bash that hangs.
fn hanging_bash(dir: &Path) -> Tool {
    program(dir, "bash", HANGS);
    fs::write(dir.join("functions"), "f() { echo built; }\n").unwrap();
    foreach(dir, &["--shell-env", "functions", "f"]).env("BASH", dir.join("bin/bash"))
}

#[track_caller]
fn nothing_runs_on(dir: &Path) {
    let mark = dir.to_str().unwrap();
    until("what was asked ends", || marked(mark).is_empty());
}

#[test]
fn a_distcc_that_hangs_is_said_and_not_counted() {
    let dir = scratch();
    let asked = Gate::new(dir.path(), "asked");
    let outcome = Running::start(hanging_distcc(dir.path())).end().expect(0);
    asked.line();
    assert_eq!(outcome.stdout, "built\n");
    outcome.complains("py-foreach: ask distcc -j: did not answer within 5 seconds");
    nothing_runs_on(dir.path());
}

#[test]
fn a_distcc_that_does_not_count_is_not_asked() {
    let dir = scratch();
    let asked = Gate::new(dir.path(), "asked");
    program(dir.path(), "distcc", HANGS);
    let run = foreach(dir.path(), &["-j2", "true"]).env("CC", "distcc gcc");
    assert_eq!(run.run().expect(0).stderr, "");
    asked.stays_shut();
}

#[test]
fn a_bash_that_hangs_is_said_and_nothing_is_run() {
    let dir = scratch();
    let asked = Gate::new(dir.path(), "asked");
    let outcome = Running::start(hanging_bash(dir.path())).end().expect(125);
    asked.line();
    assert_eq!(outcome.stdout, "");
    outcome.complains("/bin/bash: did not answer within 5 seconds");
    nothing_runs_on(dir.path());
}

#[test]
fn a_make_that_hangs_when_asked_for_its_version_is_taken_for_an_old_one() {
    let dir = scratch();
    let asked = Gate::new(dir.path(), "asked");
    let text = format!("case $1 in --version) {HANGS};; *) echo \"built $MAKEFLAGS\";; esac");
    program(dir.path(), "make", &text);
    let run = foreach(dir.path(), &["sh", "-c", "make && make"]);
    let outcome = Running::start(run).end().expect(0);
    asked.line();
    asked.stays_shut();
    let form = outcome
        .stdout
        .matches("built  -j --jobserver-auth=2")
        .count();
    assert_eq!(form, 2, "{}", outcome.stdout);
    outcome.complains("/bin/make: did not answer within 5 seconds");
    nothing_runs_on(dir.path());
}

#[test]
fn a_signal_while_something_is_asked() {
    for start in [hanging_distcc, hanging_bash] {
        let dir = scratch();
        let asked = Gate::new(dir.path(), "asked");
        let tmp = dir.path().join("tmp");
        fs::create_dir(&tmp).unwrap();
        let run = Running::start(start(dir.path()).env("TMPDIR", &tmp));
        asked.line();
        run.signal(Signal::INT);
        let outcome = run.end();
        assert_eq!(outcome.signal, Some(Signal::INT.as_raw()));
        assert_eq!(outcome.stderr, "");
        nothing_runs_on(dir.path());
        assert_eq!(fs::read_dir(&tmp).unwrap().count(), 0);
    }
}
