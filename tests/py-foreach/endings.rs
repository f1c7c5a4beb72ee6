//! The exit status, `--halt` and `--timeout`.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use test_support::{Outcome, Tool, scratch};

use crate::gate::Gate;
use crate::running::{MARK, Running, marked};
use crate::tool;

/// Variants `a b c`, each doing what the script says.
fn script(options: &[&str], script: &str) -> Tool {
    tool()
        .args(["--variants", "a b c"])
        .args(options)
        .args(["sh", "-c", script])
}

fn run(options: &[&str], text: &str) -> Outcome {
    script(options, text).run()
}

#[test]
fn the_first_failure_in_declared_order_is_the_status() {
    let text = "case $MULTIBUILD_ID in b) exit 7;; c) exit 8;; esac";
    for jobs in ["-j1", "-j3"] {
        let outcome = run(&[jobs], text).expect(7);
        let lines: Vec<_> = outcome.stderr.lines().collect();
        assert!(lines[0].starts_with("py-foreach: b: exited with status 7; its log is /"));
        assert!(lines[1].starts_with("py-foreach: c: exited with status 8; its log is /"));
    }
}

#[test]
fn a_later_failure_that_comes_first_does_not_count_first() {
    let dir = scratch();
    let (first, last) = (Gate::new(dir.path(), "a"), Gate::new(dir.path(), "c"));
    let text = r#"case $MULTIBUILD_ID in
        a) read x < "$GATES/a"; exit 5;; c) echo > "$GATES/c"; exit 6;; esac"#;
    let run = Running::start(script(&["-j3"], text).env("GATES", dir.path()));
    last.line();
    first.open(1);
    run.end().expect(5);
}

#[test]
fn a_signal_is_128_and_its_number() {
    run(&[], "kill -KILL $$").expect(137);
    run(&[], "exit 255").expect(255);
}

#[test]
fn a_command_that_cannot_run_is_126_and_a_missing_one_127() {
    let dir = scratch();
    let file = dir.path().join("file");
    std::fs::write(&file, "echo from sh $0 $1\n").unwrap();
    let program = |program: &std::path::Path| {
        tool()
            .args(["--variants", "a"])
            .arg(program)
            .arg("word")
            .run()
    };
    let outcome = program(&file).expect(126);
    let said = format!("py-foreach: run {}: permission denied\n", file.display());
    assert_eq!(outcome.stdout, said);
    let outcome = program("no-such-program-here".as_ref()).expect(127);
    assert_eq!(
        outcome.stdout,
        "py-foreach: run no-such-program-here: no such file or directory\n"
    );
    // As execvp(3) has it.
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let outcome = program(&file).expect(0);
    assert_eq!(outcome.stdout, format!("from sh {} word\n", file.display()));
}

#[test]
fn all_jobs_run_without_halt() {
    let text = "echo $MULTIBUILD_ID; exit 1";
    assert_eq!(run(&["-j1"], text).expect(1).stdout, "a\nb\nc\n");
    let outcome = run(&["-j1", "--halt=soon"], text).expect(1);
    assert_eq!(outcome.stdout, "a\n");
    assert!(outcome.stderr.contains("py-foreach: b: was not started\n"));
    assert!(outcome.stderr.ends_with("py-foreach: c: was not started\n"));
}

#[test]
fn halt_now_stops_those_that_run_and_they_do_not_count() {
    let dir = scratch();
    let ready = Gate::new(dir.path(), "ready");
    let text = r#"case $MULTIBUILD_ID in
        b) read x < "$GATES/go"; exit 9;;
        *) echo > "$GATES/ready"; setsid sleep 1000 & wait;; esac"#;
    let go = Gate::new(dir.path(), "go");
    let run = script(&["-j3", "--halt=now"], text).env(MARK, dir.path());
    let run = Running::start(run.env("GATES", dir.path()));
    ready.lines(2);
    go.open(1);
    // a was before b in order, and was stopped by us: b's status it is.
    let outcome = run.end().expect(9);
    for name in ["a", "c"] {
        let said = format!("py-foreach: {name}: was stopped");
        assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
    }
    assert_eq!(marked(dir.path().to_str().unwrap()), []);
}

#[test]
fn a_time_limit_is_124_and_takes_the_whole_tree() {
    let dir = scratch();
    let pids = Gate::new(dir.path(), "pids");
    // The grandchild is in a session of its own and ignores TERM.
    let text = r#"setsid sh -c 'trap "" TERM; echo $$ > "$GATES/pids"; sleep 1000' & wait"#;
    let begun = Instant::now();
    let job = tool()
        .args(["--variants", "a", "--timeout=2", "--grace=.3s"])
        .env("GATES", dir.path())
        .args(["sh", "-c", text]);
    let run = Running::start(job);
    let pid = pids.line().parse().unwrap();
    let outcome = run.end().expect(124);
    assert!(!crate::gate::lives(pid), "{pid} lives on");
    assert!(
        begun.elapsed() >= Duration::from_millis(2300),
        "KILL waits for the grace"
    );
    assert!(
        outcome
            .stderr
            .contains("py-foreach: a: ran into its time limit; its log is /")
    );
}

#[test]
fn a_job_that_obeys_the_time_limit_is_124_too() {
    let text = "trap 'exit 0' TERM; sleep 1000 & wait";
    tool()
        .args(["--variants", "a", "--timeout=0.1", "sh", "-c", text])
        .run()
        .expect(124);
    tool()
        .args(["--variants", "a", "--timeout=0", "true"])
        .run()
        .expect(0);
}

#[test]
fn a_killed_child_does_not_hang_us() {
    let dir = scratch();
    let pids = Gate::new(dir.path(), "pids");
    let text = r#"echo $$ > "$GATES/pids"; exec sleep 1000"#;
    let job = tool()
        .args(["--variants", "a"])
        .env("GATES", dir.path())
        .args(["sh", "-c", text]);
    let run = Running::start(job);
    let pid = rustix::process::Pid::from_raw(pids.line().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
    let outcome = run.end().expect(137);
    assert!(
        outcome
            .stderr
            .contains("py-foreach: a: was killed by signal 9; its log is /")
    );
}
