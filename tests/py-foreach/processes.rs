//! A job's tree: daemons, killed supervisors, and what the jobs are given to read.

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use test_support::{Tool, scratch};

use crate::gate::{Gate, fifo, lives, until};
use crate::running::{Killed, MARK, Running, marked};
use crate::signals::state;
use crate::{PROGRAM, on_our_terms, tool};

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_daemon_is_named_and_left_alone() {
    let dir = scratch();
    let pids = Gate::new(dir.path(), "pids");
    let text = r#"echo built; setsid sh -c 'exec >/dev/null 2>&1; echo $$ > "$GATES/pids"; exec sleep 1000' &
        read x < "$GATES/go""#;
    let go = Gate::new(dir.path(), "go");
    let run = tool()
        .args(["--variants", "a"])
        .env("GATES", dir.path())
        .args(["sh", "-c", text]);
    let run = Running::start(run);
    let daemon = Killed(pids.line().parse().unwrap());
    let begun = Instant::now();
    go.open(1);
    let outcome = run.end().expect(0);
    assert!(
        begun.elapsed() < Duration::from_millis(1500),
        "it does not wait for a daemon"
    );
    assert!(lives(daemon.0), "the daemon is left alone");
    assert_eq!(outcome.stdout, "built\n");
    assert_eq!(
        outcome.stderr,
        format!("py-foreach: a: left running: sleep ({})\n", daemon.0)
    );
}

#[test]
fn a_daemon_that_holds_the_output_does_not_hang_us() {
    let dir = scratch();
    let pids = Gate::new(dir.path(), "pids");
    let text = r#"setsid sh -c 'echo $$ > "$GATES/pids"; exec sleep 1000' & echo built"#;
    let run = tool()
        .args(["--variants", "a"])
        .env("GATES", dir.path())
        .args(["sh", "-c", text]);
    let run = Running::start(run);
    let daemon = Killed(pids.line().parse().unwrap());
    let outcome = run.end().expect(0);
    assert!(lives(daemon.0));
    assert_eq!(outcome.stdout, "built\n");
    assert_eq!(
        outcome.stderr,
        format!(
            "py-foreach: a: left running: sleep ({})\n\
             py-foreach: a: what these still print is in no log\n",
            daemon.0
        )
    );
}

#[test]
fn what_a_background_process_prints_in_time_is_in_the_log() {
    let dir = scratch();
    let (ready, go) = (Gate::new(dir.path(), "ready"), Gate::new(dir.path(), "go"));
    let text = r#"echo early; (echo > "$GATES/ready"; read x < "$GATES/go"; echo late) &"#;
    let run = tool()
        .args(["--variants", "a"])
        .env("GATES", dir.path())
        .args(["sh", "-c", text]);
    let run = Running::start(run);
    ready.line();
    go.open(1);
    assert_eq!(run.end().expect(0).stdout, "early\nlate\n");
}

#[test]
fn a_killed_supervisor_is_said_and_its_tree_ended() {
    let dir = scratch();
    let ready = Gate::new(dir.path(), "ready");
    let go = Gate::new(dir.path(), "go");
    let text = r#"case $MULTIBUILD_ID in
        a) setsid sh -c 'echo $PPID $$ > "$GATES/ready"; exec sleep 1000' & wait;;
        b) read x < "$GATES/go"; echo fine;; esac"#;
    let run = tool()
        .args(["-j2", "--variants", "a b"])
        .env("GATES", dir.path())
        .env(MARK, dir.path())
        .args(["sh", "-c", text]);
    let run = Running::start(run);
    let tree = numbers(&ready.line());
    kill(parent(tree[0]));
    // Job b runs meanwhile: it waits for its gate.
    until("the tree of a ends", || tree.iter().all(|&pid| !lives(pid)));
    go.open(1);
    let outcome = run.end().expect(125);
    assert_eq!(outcome.stdout, "fine\n");
    let said = "py-foreach: a: supervise a: the supervisor was killed\n";
    assert!(outcome.stderr.starts_with(said), "{}", outcome.stderr);
    assert_eq!(marked(dir.path().to_str().unwrap()), []);
}

/// The process numbers of a line from a job.
fn numbers(line: &str) -> Vec<i32> {
    let words = line.split(' ');
    words.map(|pid| pid.parse().unwrap()).collect()
}

pub(crate) fn parent(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = stat.rsplit(") ").next().unwrap();
    rest.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_job_has_nothing_to_read_and_its_own_group() {
    let text = "readlink /proc/self/fd/0; ps -o pgid= -p $$ | tr -d ' '; echo $$";
    let outcome = tool()
        .args(["--variants", "a", "sh", "-c", text])
        .stdin("not for the job")
        .run()
        .expect(0);
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert_eq!(lines[0], "/dev/null");
    assert_eq!(lines[1], lines[2]);
}

#[test]
fn descriptors_that_we_were_given_reach_the_job() {
    let text = r#"exec 7<<E
seven
E
exec "$0" -q --variants a sh -c 'cat <&7'"#;
    let shell = on_our_terms(Tool::new("sh")).args(["-c", text, PROGRAM]);
    assert_eq!(shell.run().expect(0).stdout, "seven\n");
}

#[test]
fn a_daemon_that_prints_without_end_does_not_hang_us() {
    let dir = scratch();
    let run = tool()
        .args(["--output=quiet", "--variants", "a", "--log-dir"])
        .arg(dir.path())
        .args([
            "sh",
            "-c",
            "setsid sh -c 'while :; do echo y; done' & echo built",
        ]);
    let outcome = Running::start(run).end().expect(0);
    let held = "py-foreach: a: what these still print is in no log\n";
    assert!(outcome.stderr.ends_with(held), "{}", outcome.stderr);
}

#[test]
fn an_ignored_sigchld_of_our_parent_hides_no_status() {
    let text = r#"trap "" CHLD; exec "$0" -q --variants a sh -c 'echo hi; exit 3'"#;
    let shell = on_our_terms(Tool::new("bash")).args(["-c", text, PROGRAM]);
    assert_eq!(shell.run().expect(3).stdout, "hi\n");
}

#[test]
fn a_job_that_asks_a_terminal_is_told_that_there_is_none() {
    test_support::need_command("script", "bsdutils");
    let line = format!("{PROGRAM} -q --variants a sh -c 'read x < /dev/tty || exit 9'");
    let script = on_our_terms(Tool::new("script")).args(["-qec", &line, "/dev/null"]);
    // Below a terminal of ours it would have been stopped, and would hang.
    Running::start(script).end().expect(9);
}

#[test]
fn the_time_that_jobs_took_is_our_own_childrens() {
    let dir = scratch();
    let report = dir.path().join("report");
    let burn = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    // What the shell says of its children has all that they waited for.
    let text = r#""$0" --report "$1" --variants 'a b' sh -c "$2" && times"#;
    let outcome = on_our_terms(Tool::new("bash"))
        .args(["-c", text, PROGRAM])
        .arg(&report)
        .arg(burn)
        .run()
        .expect(0);
    let children = outcome
        .stdout
        .lines()
        .nth(1)
        .expect("the times of the children");
    let user = children.split(' ').next().unwrap();
    let (minutes, seconds) = user.trim_end_matches('s').split_once('m').unwrap();
    let all: f64 = minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap();
    let report = fs::read_to_string(&report).unwrap();
    let jobs: f64 = report
        .split("\"user_seconds\":")
        .skip(1)
        .map(|rest| {
            rest.split([',', '}'])
                .next()
                .unwrap()
                .trim()
                .parse::<f64>()
                .unwrap()
        })
        .sum();
    assert!(jobs > 0.05, "{report}");
    // The kernel counts in ticks here and in microseconds there.
    assert!(all > jobs - 0.05, "{all} of {jobs}");
}

#[test]
fn a_supervisor_has_one_thread_and_nothing_of_the_job() {
    let dir = scratch();
    let ready = Gate::new(dir.path(), "ready");
    let text =
        r#"grep Threads: /proc/$PPID/status; echo $PPID > "$GATES/ready"; read x < "$GATES/go""#;
    let go = Gate::new(dir.path(), "go");
    let run = tool()
        .args(["--variants", "a"])
        .env("GATES", dir.path())
        .args(["sh", "-c", text]);
    let run = Running::start(run);
    let supervisor = ready.line();
    for stream in 0..3 {
        let open = fs::read_link(format!("/proc/{supervisor}/fd/{stream}")).unwrap();
        assert_eq!(open.to_str().unwrap(), "/dev/null");
    }
    go.open(1);
    assert_eq!(run.end().expect(0).stdout, "Threads:\t1\n");
}

#[test]
fn a_supervisor_that_was_stopped_obeys() {
    let dir = scratch();
    let ready = Gate::new(dir.path(), "ready");
    let text = r#"kill -STOP $PPID; echo $PPID > "$GATES/ready"; exec sleep 1000"#;
    let run = tool()
        .args(["--timeout=2", "--grace=10", "--variants", "a"])
        .env("GATES", dir.path())
        .args(["sh", "-c", text]);
    let run = Running::start(run);
    let supervisor = ready.line().parse().unwrap();
    until("it is stopped", || state(supervisor) == 'T');
    run.end().expect(124);
}

#[test]
fn a_limit_of_processes_is_said_and_hangs_nobody() {
    let test = "a_limit_of_processes_is_said_and_hangs_nobody";
    if !rustix::process::geteuid().is_root() {
        test_support::cannot_run_here(test, "it runs as a user who has no other process");
        return;
    }
    test_support::need_command("prlimit", "util-linux");
    test_support::need_command("setpriv", "util-linux");
    let dir = scratch();
    // Nobody else is this user.
    let user = 40_000 + std::process::id() % 20_000;
    let ours = dir.path().join("py-foreach");
    fs::copy(PROGRAM, &ours).unwrap();
    chown(dir.path(), Some(user), None).unwrap();
    let mut good = 0;
    for most in (1..14).chain([40]) {
        let run = on_our_terms(Tool::new("setpriv"))
            .args([format!("--reuid={user}"), format!("--regid={user}")])
            .args(["--clear-groups", "prlimit"])
            .arg(format!("--nproc={most}"))
            .arg(&ours)
            .args([
                "-q",
                "--variants",
                "a b c d",
                "-j4",
                "sh",
                "-c",
                "exec sleep 0.1",
            ]);
        let run = run.env("TMPDIR", dir.path()).in_directory(dir.path());
        let outcome = Running::start(run).end();
        assert!(
            !outcome.stderr.contains("panicked"),
            "{most}: {}",
            outcome.stderr
        );
        match outcome.status {
            Some(0) => good += 1,
            _ => assert!(
                outcome.stderr.contains("py-foreach: "),
                "{most}: {}",
                outcome.stderr
            ),
        }
    }
    assert!(good > 0, "a limit that is wide enough");
}

#[test]
fn a_log_that_is_a_fifo_waits_for_nobody() {
    let dir = scratch();
    fifo(dir.path(), "build-a.log");
    let run = tool()
        .args(["--variants", "a", "--log-dir"])
        .arg(dir.path())
        .arg("true");
    let outcome = Running::start(run).end().expect(125);
    assert!(outcome.stderr.contains("build-a.log"), "{}", outcome.stderr);
}

#[test]
fn a_proc_of_others_is_refused() {
    test_support::need_command("unshare", "util-linux");
    let can = Command::new("unshare").args(["-pf", "true"]).output();
    if !can.is_ok_and(|said| said.status.success()) {
        let why = "it makes a PID namespace, which needs root";
        return test_support::cannot_run_here("a_proc_of_others_is_refused", why);
    }
    let dir = scratch();
    let mut command = Command::new("unshare");
    command
        .arg("-pf")
        .arg(PROGRAM)
        .args(["--variants", "a", "true"])
        .env("TMPDIR", dir.path());
    let outcome = Running::start_command(command).end().expect(125);
    outcome.complains("use /proc: belongs to another PID namespace");
}
