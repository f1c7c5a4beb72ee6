//! Signals before the jobs start and after they have ended: the same end, and nothing is left.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use test_support::Outcome;

use crate::gate::{Gate, until};
use crate::running::{Running, marked};
use crate::signals::{nothing_is_left, room, script, state};
use crate::traced::traced;

/// What lies in the directory for temporary things.
fn temporary(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir.join("tmp")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Runs `true` with calls that take long, and signals it once `come` holds for the run's directory.
fn signalled(
    test: &str,
    dir: &Path,
    inject: &[&str],
    signal: Signal,
    come: impl Fn(&Path) -> bool,
) -> Option<Outcome> {
    let command = traced(test, script(dir, &["-j2"], "true"), inject)?;
    let run = Running::start_command(command);
    until("the run's directory is as it should be", || {
        temporary(dir).iter().any(|path| come(path))
    });
    run.signal(signal);
    Some(run.end())
}

#[track_caller]
fn died(outcome: &Outcome, signal: Signal, dir: &Path) {
    assert_eq!(outcome.signal, Some(signal.as_raw()), "{}", outcome.stderr);
    nothing_is_left(dir);
    assert_eq!(temporary(dir), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_signal_while_the_directory_is_made() {
    const TEST: &str = "a_signal_while_the_directory_is_made";
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let dir = room();
        // It is there, and half a second later main knows of it.
        let slow = ["/^mkdir(at)?$:delay_exit=500000:when=1"];
        let Some(outcome) = signalled(TEST, dir.path(), &slow, signal, |_| true) else {
            return;
        };
        died(&outcome, signal, dir.path());
    }
}

#[test]
fn a_signal_while_something_is_made_in_the_directory() {
    const TEST: &str = "a_signal_while_something_is_made_in_the_directory";
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let dir = room();
        // Who removes the directory takes longer for it than main for the fifo.
        let slow = [
            "/^mknod(at)?$:delay_enter=500000:when=1",
            "/^(rmdir|unlink(at)?)$:delay_exit=1500000:when=1",
        ];
        let Some(outcome) = signalled(TEST, dir.path(), &slow, signal, |_| true) else {
            return;
        };
        died(&outcome, signal, dir.path());
        assert!(!outcome.stderr.contains("pool"), "{}", outcome.stderr);
    }
}

#[test]
fn a_stop_while_a_job_starts() {
    const TEST: &str = "a_stop_while_a_job_starts";
    let dir = room();
    let (ready, go) = (Gate::new(dir.path(), "ready"), Gate::new(dir.path(), "go"));
    let text = r#"echo $$ > "$GATES/ready"; read x < "$GATES/go""#;
    // The job runs, and half a second later py-foreach hears of its supervisor.
    let tool = script(dir.path(), &["-j1"], text);
    let Some(command) = traced(TEST, tool, &["/^clone3?$:delay_exit=500000"]) else {
        return;
    };
    let run = Running::start_command(command);
    let job = ready.line().parse().unwrap();
    run.signal(Signal::TSTP);
    until("both are stopped", || {
        // Who is traced is stopped with a small letter.
        let stopped = |pid| matches!(state(pid), 'T' | 't');
        stopped(run.pid()) && stopped(job)
    });
    run.signal(Signal::CONT);
    go.open(3);
    run.end().expect(0);
}

#[test]
fn a_signal_while_a_job_is_executed() {
    const TEST: &str = "a_signal_while_a_job_is_executed";
    for signal in [Signal::INT, Signal::TERM] {
        let dir = room();
        // No grace: a signal that is lost between fork and exec is never made good.
        let tool = script(dir.path(), &["-j1", "--grace=1h"], "sleep 1000");
        let Some(command) = traced(TEST, tool, &["execve:delay_enter=300000"]) else {
            return;
        };
        let run = Running::start_command(command);
        // py-foreach, and the process that becomes the supervisor.
        until("there is a copy that executes nothing yet", || {
            marked(dir.path().to_str().unwrap()).len() == 2
        });
        run.signal(signal);
        assert_eq!(run.end().signal, Some(signal.as_raw()));
        nothing_is_left(dir.path());
    }
}
