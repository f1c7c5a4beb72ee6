//! The pool as its server: its bound is kept and reached, and what killed clients took comes back.
//!
//! The work is a Makefile whose recipes say that they are there and wait. So what runs at once can be
//! counted exactly: that many have come, and no more come until one goes.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use test_support::{Tool, scratch};

use crate::gate::{Gate, until};
use crate::running::{MARK, Running, marked};
use crate::{PROGRAM, on_our_terms, tool};

/// A directory with the gates `here` and `go`, and a Makefile of many recipes between them.
pub(crate) struct Work {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) here: Gate,
    pub(crate) go: Gate,
}

/// What every unit of work does: it tells its parent's number, and waits to be let go.
pub(crate) const UNIT: &str = r#"echo $PPID > "$GATES/here"; read x < "$GATES/go""#;

impl Work {
    pub(crate) fn new() -> Self {
        let dir = scratch();
        let unit = dir.path().join("unit");
        fs::write(&unit, format!("#!/bin/sh\n{UNIT}\n")).unwrap();
        fs::set_permissions(&unit, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let targets: Vec<_> = (0..12).map(|n| format!("t{n}")).collect();
        let makefile = format!(
            "all: {0}\n{0}:\n\t@exec $(GATES)/unit\n.PHONY: all {0}\n",
            targets.join(" ")
        );
        fs::write(dir.path().join("Makefile"), makefile).unwrap();
        let (here, go) = (Gate::new(dir.path(), "here"), Gate::new(dir.path(), "go"));
        Self { dir, here, go }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A py-foreach that works here.
    pub(crate) fn tool(&self) -> Tool {
        tool().env("GATES", self.path()).in_directory(self.path())
    }

    /// Asserts that exactly `count` units work at once, and gives their parents' numbers.
    #[track_caller]
    pub(crate) fn works(&self, count: usize) -> Vec<i32> {
        let came = self.here.lines(count);
        self.here.stays_shut();
        came.iter().map(|pid| pid.parse().unwrap()).collect()
    }

    /// Lets one unit go, and asserts that exactly one takes its place.
    #[track_caller]
    pub(crate) fn one_by_one(&self, times: usize) {
        for _ in 0..times {
            self.go.open(1);
            self.here.line();
        }
        self.here.stays_shut();
    }

    /// Lets all go that there are and will be.
    pub(crate) fn finish(&self) {
        self.go.open(1000);
    }
}

#[test]
fn two_greedy_ones_and_an_idle_one_reach_all_slots() {
    let work = Work::new();
    let idle = Gate::new(work.path(), "idle");
    let text = "case $MULTIBUILD_ID in b) read x < idle;; *) exec make;; esac";
    let run = work
        .tool()
        .args(["-j5", "--variants", "a b c", "sh", "-c", text]);
    let run = Running::start(run);
    // The idle one has its own slot and no more.
    work.works(4);
    work.one_by_one(3);
    // When it has ended its slot is work, too.
    idle.open(1);
    work.works(1);
    work.one_by_one(3);
    work.finish();
    let outcome = run.end().expect(0);
    assert_eq!(outcome.stderr, "");
}

#[test]
fn one_slot_is_a_serial_run() {
    let work = Work::new();
    let run = Running::start(work.tool().args(["-j1", "--variants", "a b", "make"]));
    work.works(1);
    work.one_by_one(2);
    work.finish();
    run.end().expect(0);
}

#[test]
fn more_slots_than_implementations_are_all_used() {
    let work = Work::new();
    let run = Running::start(work.tool().args(["-j6", "--variants", "a", "make"]));
    work.works(6);
    work.finish();
    run.end().expect(0);
}

#[test]
fn max_impls_bounds_the_implementations_and_not_the_slots() {
    let work = Work::new();
    let started = Gate::new(work.path(), "started");
    let text = "echo > started; exec make";
    let run = work.tool().args([
        "-j4",
        "--max-impls=1",
        "--variants",
        "a b",
        "sh",
        "-c",
        text,
    ]);
    let run = Running::start(run);
    started.line();
    work.works(4);
    started.stays_shut();
    work.finish();
    run.end().expect(0);
}

#[test]
fn the_size_comes_from_makeopts_where_nothing_else_says() {
    let work = Work::new();
    for words in ["-j7 -j 3 -l9", "-kj3", "-sj 3"] {
        let run = work
            .tool()
            .env("MAKEOPTS", words)
            .args(["--variants", "a", "make"]);
        let run = Running::start(run);
        work.works(3);
        work.go.open(12);
        work.here.lines(9);
        run.end().expect(0);
    }
}

#[test]
fn more_slots_than_a_fifo_holds_are_as_many_as_it_holds() {
    // Without a limit an attempt to have them all would take the machine's memory.
    let outcome = on_our_terms(Tool::new("sh"))
        .args(["-c", r#"ulimit -v 4000000; exec "$@""#, "sh", PROGRAM])
        .args(["-j99999999999", "--variants", "a b"])
        .args(["sh", "-c", "echo $MAX_JOBS"])
        .run()
        .expect(0);
    assert_eq!(outcome.stdout, "32768\n32768\n");
}

#[test]
fn slots_that_a_killed_make_held_come_back_and_are_said() {
    let work = Work::new();
    let next = Gate::new(work.path(), "next");
    let text = "case $MULTIBUILD_ID in b) read x < next;; esac; exec make";
    let run = work.tool().env(MARK, work.path());
    let run = Running::start(run.args(["-j5", "--variants", "a b", "sh", "-c", text]));
    // make of a has its own slot and three from the pool; b waits with its own.
    let makes = work.works(4);
    assert!(makes.windows(2).all(|pair| pair[0] == pair[1]), "{makes:?}");
    kill_process(Pid::from_raw(makes[0]).unwrap(), Signal::KILL).unwrap();
    // Its recipes are left over; they end, and with them whoever holds its output.
    work.go.open(4);
    let mark = work.path().to_str().unwrap();
    // py-foreach, the supervisor of b and b are left; py-foreach has a moment to count.
    until("a has ended", || marked(mark).len() == 3);
    work.here.stays_shut();
    next.open(1);
    // All five are there for b.
    work.works(5);
    work.finish();
    let outcome = run.end().expect(137);
    let said = "py-foreach: 3 slots were lost by clients that were killed, and made good\n";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
}

#[test]
fn what_one_lost_that_succeeds_is_there_for_the_next() {
    let work = Work::new();
    let text = "case $MULTIBUILD_ID in a) make; exit 0;; esac; exec make";
    let run = work.tool().args(["-j5", "--max-impls=1"]);
    let run = Running::start(run.args(["--variants", "a b", "sh", "-c", text]));
    let makes = work.works(5);
    kill_process(Pid::from_raw(makes[0]).unwrap(), Signal::KILL).unwrap();
    work.go.open(5);
    // All five are there for b.
    work.works(5);
    work.finish();
    let outcome = run.end().expect(0);
    let said = "py-foreach: 4 slots were lost by clients that were killed, and made good\n";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
}

#[test]
fn what_the_last_one_lost_is_said_too() {
    let work = Work::new();
    let run = Running::start(work.tool().args(["-j3", "--variants", "a", "make"]));
    let makes = work.works(3);
    kill_process(Pid::from_raw(makes[0]).unwrap(), Signal::KILL).unwrap();
    work.go.open(3);
    let outcome = run.end().expect(137);
    let said = "py-foreach: 2 slots were lost by clients that were killed, and made good\n";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
}

#[test]
fn what_is_wrong_with_the_pool_for_good_is_said_once() {
    let work = Work::new();
    let wait = Gate::new(work.path(), "wait");
    let text =
        r#"case $MULTIBUILD_ID in a) rm "${CARGO_MAKEFLAGS##*fifo:}";; *) read x < wait;; esac"#;
    let run = work
        .tool()
        .args(["-j3", "--variants", "a b c", "sh", "-c", text]);
    let outcome = Running::start(run).end().expect(125);
    drop(wait);
    let said = outcome.stderr.matches("no such file or directory").count();
    assert_eq!(said, 1, "{}", outcome.stderr);
}

#[test]
fn a_failing_make_gives_all_back() {
    let work = Work::new();
    fs::write(work.path().join("unit"), "#!/bin/sh\nexit 1\n").unwrap();
    let run = work
        .tool()
        .args(["-j4", "--variants", "a b", "make", "-k"])
        .run()
        .expect(2);
    assert!(!run.stderr.contains("lost"), "{}", run.stderr);
}
