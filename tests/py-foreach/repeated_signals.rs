//! Signals that come again: only an INT says more the second time, and none reaches a job twice.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use test_support::need_command;

use crate::gate::{Gate, until};
use crate::processes::parent;
use crate::running::{Running, marked};
use crate::signals::{STUBBORN, handled, nothing_is_left, room, script};

/// The process of the run in `dir` that has this name, which no other has.
fn named(dir: &Path, name: &str) -> i32 {
    let is_so = |pid: &i32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name)
    };
    let all: Vec<i32> = marked(dir.to_str().unwrap());
    let found: Vec<i32> = all.into_iter().filter(is_so).collect();
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0]
}

fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// A job that obeys, and takes its time for that.
const CLEANS: &str = r#"exec python3 -c '
import os, signal
mine = {signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
signal.pthread_sigmask(signal.SIG_BLOCK, mine)
gate = lambda name, way: open(os.environ["GATES"] + "/" + name, way)
gate("ready", "w").write("\n")
signal.sigwait(mine)
gate("told", "w").write("\n")
gate("go", "r").readline()
gate("clean", "w").write("\n")'"#;

#[test]
fn what_comes_twice_leaves_the_grace_unless_it_is_an_interrupt() {
    need_command("python3", "python3");
    for signal in [Signal::TERM, Signal::HUP, Signal::QUIT] {
        let dir = room();
        let gate = |name| Gate::new(dir.path(), name);
        let (ready, told) = (gate("ready"), gate("told"));
        let (go, clean) = (gate("go"), gate("clean"));
        let run = Running::start(script(dir.path(), &["-j1", "--grace=1h"], CLEANS));
        ready.line();
        run.signal(signal);
        told.line();
        run.signal(signal);
        until("it has come", || handled(run.pid(), signal));
        told.stays_shut();
        // It has the time that it takes.
        go.open(1);
        clean.line();
        assert_eq!(run.end().signal, Some(signal.as_raw()));
        nothing_is_left(dir.path());
    }
}

#[test]
fn a_job_is_told_once_though_its_supervisor_hears_it_twice() {
    need_command("python3", "python3");
    let dir = room();
    let gate = |name| Gate::new(dir.path(), name);
    let (ready, told) = (gate("ready"), gate("told"));
    let run = Running::start(script(dir.path(), &["-j1", "--grace=1h"], STUBBORN));
    ready.line();
    let supervisor = parent(named(dir.path(), "python3"));
    run.signal(Signal::INT);
    assert_eq!(told.line(), "SIGINT");
    // Who signals a whole tree, a py-foreach above this one for one, signals the supervisor too.
    send(supervisor, Signal::INT);
    until("it has come", || handled(supervisor, Signal::INT));
    told.stays_shut();
    run.signal(Signal::TERM);
    assert_eq!(told.line(), "SIGTERM");
    run.signal(Signal::INT);
    assert_eq!(run.end().signal, Some(Signal::INT.as_raw()));
    nothing_is_left(dir.path());
}

#[test]
fn the_tree_of_a_killed_supervisor_is_told_once() {
    need_command("python3", "python3");
    let dir = room();
    let gate = |name| Gate::new(dir.path(), name);
    let (ready, told) = (gate("ready"), gate("told"));
    let options = ["-j1", "--halt=soon", "--grace=1"];
    let run = Running::start(script(dir.path(), &options, STUBBORN));
    ready.line();
    send(parent(named(dir.path(), "python3")), Signal::KILL);
    assert_eq!(told.line(), "SIGTERM");
    told.stays_shut();
    run.end().expect(125);
    nothing_is_left(dir.path());
}
