//! Where the kernel, or a filter of system calls, gives no handle of a process, and where /proc is not ours.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use test_support::{cannot_run_here, need_command, pythons};

use crate::gate::Gate;
use crate::running::Running;
use crate::signals::{nothing_is_left, room, script};
use crate::traced::traced;
use crate::{PROGRAM, tool};

/// An old kernel's answer, and a filter's.
const REFUSALS: [&str; 2] = ["pidfd_open:error=ENOSYS", "pidfd_open:error=EPERM"];

#[test]
fn a_tree_is_ended_without_handles() {
    for refusal in REFUSALS {
        let dir = room();
        // Neither the grandchild nor the command itself ends by TERM alone.
        let text = r#"trap "" TERM; setsid sleep 20 & sleep 20; sleep 20"#;
        let tool = script(dir.path(), &["-j3", "--timeout=0.5", "--grace=0.2"], text);
        let Some(command) = traced("a_tree_is_ended_without_handles", tool, &[refusal]) else {
            return;
        };
        let outcome = Running::start_command(command).end().expect(124);
        assert!(
            !outcome.stderr.contains("left running"),
            "{}",
            outcome.stderr
        );
        nothing_is_left(dir.path());
    }
}

#[test]
fn the_tree_of_a_killed_supervisor_is_ended_without_handles() {
    const TEST: &str = "the_tree_of_a_killed_supervisor_is_ended_without_handles";
    for refusal in REFUSALS {
        let dir = room();
        let (pids, ready) = (
            Gate::new(dir.path(), "pids"),
            Gate::new(dir.path(), "ready"),
        );
        // Short enough to end by itself where nobody ends it.
        let text =
            r#"echo $PPID > "$GATES/pids"; echo > "$GATES/ready"; setsid sleep 30 & sleep 30"#;
        let tool = tool()
            .args(["--variants", "a"])
            .env("GATES", dir.path())
            .env("TMPDIR", dir.path().join("tmp"))
            .env(crate::running::MARK, dir.path())
            .args(["sh", "-c", text]);
        let Some(command) = traced(TEST, tool, &[refusal]) else {
            return;
        };
        let run = Running::start_command(command);
        let supervisor = pids.line().parse().unwrap();
        ready.line();
        let killed = Instant::now();
        kill_process(Pid::from_raw(supervisor).unwrap(), Signal::KILL).unwrap();
        let outcome = run.end().expect(125);
        let said = "py-foreach: a: supervise a: the supervisor was killed\n";
        assert!(outcome.stderr.starts_with(said), "{}", outcome.stderr);
        let waited = killed.elapsed();
        assert!(
            waited < Duration::from_secs(20),
            "they ended by themselves: {waited:?}"
        );
        nothing_is_left(dir.path());
    }
}

#[test]
fn a_python_is_asked_without_handles() {
    let Some(all) = pythons::newest("a_python_is_asked_without_handles", 1) else {
        return;
    };
    for refusal in REFUSALS {
        let tool = tool().arg("-i").arg(&all[0].path).arg("--list");
        let Some(command) = traced("a_python_is_asked_without_handles", tool, &[refusal]) else {
            return;
        };
        let outcome = Running::start_command(command).end().expect(0);
        assert!(
            outcome.stdout.contains(&all[0].epython),
            "{}",
            outcome.stdout
        );
    }
}

#[test]
fn a_proc_of_others_is_refused() {
    need_command("unshare", "util-linux");
    let can = Command::new("unshare").args(["-pf", "true"]).output();
    if !can.is_ok_and(|said| said.status.success()) {
        let why = "it makes a PID namespace, which needs root";
        return cannot_run_here("a_proc_of_others_is_refused", why);
    }
    let dir = room();
    let mut command = Command::new("unshare");
    command
        .arg("-pf")
        .arg(PROGRAM)
        .args(["--variants", "a", "true"])
        .env("TMPDIR", dir.path().join("tmp"));
    let outcome = Running::start_command(command).end().expect(125);
    outcome.complains("use /proc: belongs to another PID namespace");
    nothing_is_left(dir.path());
}
