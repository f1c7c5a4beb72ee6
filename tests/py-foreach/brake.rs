//! What holds starts back: pressure on memory, swapping in, memory that is short, the load. One always
//! runs, and nothing is ended.

use std::fs::File;
use std::path::Path;

use test_support::{Tool, scratch};

use crate::gate::{Gate, until};
use crate::masked::{Mask, masked};
use crate::running::Running;
use crate::tool;

/// The groups of this machine have a pressure and a limit of their own.
const GROUPS: &str = "/sys/fs/cgroup";
const PSI: &str = "/proc/pressure/memory";

/// What a job does: it tells where the pool is, and waits to be let go.
const JOB: &str = r#"echo "${CARGO_MAKEFLAGS##*fifo:}" > "$GATES/here"; read x < "$GATES/go""#;

fn psi(full: &str) -> String {
    format!(
        "some avg10={full} avg60=0.00 avg300=0.00 total=9\n\
         full avg10={full} avg60=0.00 avg300=0.00 total=9\n"
    )
}

fn jobs(dir: &Path, options: &[&str]) -> Tool {
    tool()
        .args(options)
        .env("GATES", dir)
        .args(["sh", "-c", JOB])
}

/// Starts three jobs on three slots of which `high` lets only one run; `low` lets the others start.
#[track_caller]
fn one_until_it_is_over(test: &str, option: &str, place: &str, high: &str, low: &str) {
    let dir = scratch();
    let (here, go) = (Gate::new(dir.path(), "here"), Gate::new(dir.path(), "go"));
    let mask = Mask::new(dir.path(), "mask", high);
    let tool = jobs(dir.path(), &["-j3", "--variants", "a b c", option]);
    let Some(command) = masked(test, tool, &[(&mask, place)], &[GROUPS]) else {
        return;
    };
    let run = Running::start_command(command);
    here.line();
    here.stays_shut();
    // The next one starts when the first has ended: one always runs, and one alone.
    go.open(1);
    here.line();
    here.stays_shut();
    mask.say(low);
    here.line();
    go.open(2);
    let outcome = run.end().expect(0);
    assert_eq!(outcome.stderr, "");
}

#[test]
fn under_pressure_one_runs() {
    let test = "under_pressure_one_runs";
    one_until_it_is_over(test, "--memory=auto", PSI, &psi("50.00"), &psi("00.00"));
}

#[test]
fn where_memory_is_short_one_runs() {
    let meminfo = |kib: u32| format!("MemTotal: 999999999 kB\nMemAvailable: {kib:>9} kB\n");
    let test = "where_memory_is_short_one_runs";
    // Less than any process takes, so that the first one's peak does not fit either.
    let (short, plenty) = (meminfo(1000), meminfo(64 << 20));
    one_until_it_is_over(test, "--memory=auto", "/proc/meminfo", &short, &plenty);
}

#[test]
fn a_job_that_fails_at_once_shows_nothing() {
    let test = "a_job_that_fails_at_once_shows_nothing";
    let dir = scratch();
    let (here, go) = (Gate::new(dir.path(), "here"), Gate::new(dir.path(), "go"));
    // Enough for one of which nothing is known, and not for two.
    let meminfo = |kib: u32| format!("MemTotal: 999999999 kB\nMemAvailable: {kib:>9} kB\n");
    let mask = Mask::new(dir.path(), "mask", &meminfo(1500 << 10));
    let tool = tool()
        .args(["-j3", "--variants", "a b c", "sh", "-c"])
        .arg(format!("case $MULTIBUILD_ID in a) exit 1;; esac; {JOB}"))
        .env("GATES", dir.path());
    let Some(command) = masked(test, tool, &[(&mask, "/proc/meminfo")], &[GROUPS]) else {
        return;
    };
    let run = Running::start_command(command);
    here.line();
    here.stays_shut();
    mask.say(&meminfo(64 << 20));
    here.line();
    go.open(2);
    run.end().expect(1);
}

#[test]
fn above_the_load_one_runs() {
    let loadavg = |load: &str| format!("{load} 1.00 1.00 1/100 1000\n");
    let test = "above_the_load_one_runs";
    let (high, low) = (loadavg("2.01"), loadavg("2.00"));
    one_until_it_is_over(test, "--load-average=2", "/proc/loadavg", &high, &low);
}

/// How many tokens lie in the fifo.
fn tokens(fifo: &str) -> u64 {
    let file = File::options().read(true).write(true).open(fifo).unwrap();
    rustix::io::ioctl_fionread(&file).unwrap()
}

#[test]
fn under_pressure_no_token_is_lent_and_nothing_is_ended() {
    let dir = scratch();
    let (here, go) = (Gate::new(dir.path(), "here"), Gate::new(dir.path(), "go"));
    let mask = Mask::new(dir.path(), "mask", &psi("00.00"));
    let test = "under_pressure_no_token_is_lent_and_nothing_is_ended";
    let tool = jobs(dir.path(), &["-j4", "--variants", "a b"]);
    let Some(command) = masked(test, tool, &[(&mask, PSI)], &[GROUPS]) else {
        return;
    };
    let run = Running::start_command(command);
    let fifo = here.lines(2).swap_remove(0);
    until("two slots are lent", || tokens(&fifo) == 2);
    mask.say(&psi("10.01"));
    until("none is lent", || tokens(&fifo) == 0);
    mask.say(&psi("10.00"));
    until("they are lent again", || tokens(&fifo) == 2);
    go.open(2);
    let outcome = run.end().expect(0);
    assert_eq!(outcome.stderr, "");
}
