//! A job's tree: daemons, killed supervisors, and what the jobs are given to read.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use test_support::scratch;

use crate::gate::{Gate, lives, until};
use crate::running::{MARK, Running, marked};
use crate::tool;

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
    let daemon = pids.line().parse().unwrap();
    let begun = Instant::now();
    go.open(1);
    let outcome = run.end().expect(0);
    assert!(
        begun.elapsed() < Duration::from_millis(1500),
        "it does not wait for a daemon"
    );
    assert!(lives(daemon), "the daemon is left alone");
    kill(daemon);
    assert_eq!(outcome.stdout, "built\n");
    assert_eq!(
        outcome.stderr,
        format!("py-foreach: a: left running: sleep ({daemon})\n")
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
    let daemon = pids.line().parse().unwrap();
    let outcome = run.end().expect(0);
    assert!(lives(daemon));
    kill(daemon);
    assert_eq!(outcome.stdout, "built\n");
    assert_eq!(
        outcome.stderr,
        format!(
            "py-foreach: a: left running: sleep ({daemon})\n\
             py-foreach: a: what these still print is in no log\n"
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
        a) setsid sh -c 'echo $PPID > "$GATES/ready"; exec sleep 1000' & wait;;
        b) read x < "$GATES/go"; echo fine;; esac"#;
    let run = tool()
        .args(["-j2", "--variants", "a b"])
        .env("GATES", dir.path())
        .env(MARK, dir.path())
        .args(["sh", "-c", text]);
    let run = Running::start(run);
    let shell: i32 = ready.line().parse().unwrap();
    kill(parent(shell));
    let mark = dir.path().to_str().unwrap();
    // Left are py-foreach itself with its starter, and job b with its supervisor.
    until("the tree of a ends", || marked(mark).len() == 4);
    go.open(1);
    let outcome = run.end().expect(125);
    assert_eq!(outcome.stdout, "fine\n");
    let said = "py-foreach: a: supervise a: the supervisor was killed\n";
    assert!(outcome.stderr.starts_with(said), "{}", outcome.stderr);
    assert_eq!(marked(mark), []);
}

fn parent(pid: i32) -> i32 {
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
    let outcome = Command::new("sh")
        .args([
            "-c",
            r#"exec 7<<E
seven
E
exec "$1" -q --variants a sh -c 'cat <&7'"#,
            "sh",
        ])
        .arg(env!("CARGO_BIN_EXE_py-foreach"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), "seven\n");
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
fn children_that_we_had_before_are_none_of_ours() {
    let dir = scratch();
    let pids = Gate::new(dir.path(), "pids");
    let command = tool().into_command();
    let mut shell = Command::new("bash");
    let text = r#"sleep 1000 >&- 2>&- & echo $! > "$GATES/pids"
        exec "$0" --variants a sh -c 'kill -9 $PPID; sleep 1000'"#;
    shell
        .args(["-c", text])
        .arg(command.get_program())
        .env("GATES", dir.path());
    for (name, _) in command.get_envs() {
        shell.env_remove(name);
    }
    let run = Running::start_command(shell);
    let foreign = pids.line().parse().unwrap();
    let outcome = run.end().expect(125);
    assert!(
        outcome.stderr.contains("the supervisor was killed"),
        "{}",
        outcome.stderr
    );
    assert!(lives(foreign), "it was there before us");
    kill(foreign);
}

#[test]
fn an_ignored_sigchld_of_our_parent_hides_no_status() {
    let outcome = Command::new("bash")
        .args([
            "-c",
            r#"trap "" CHLD; exec "$0" -q --variants a sh -c 'echo hi; exit 3'"#,
        ])
        .arg(env!("CARGO_BIN_EXE_py-foreach"))
        .env_remove("MAKEFLAGS")
        .output()
        .unwrap();
    assert_eq!(outcome.status.code(), Some(3));
    assert_eq!(outcome.stdout, b"hi\n");
}

#[test]
fn a_job_that_asks_a_terminal_is_told_that_there_is_none() {
    test_support::need_command("script", "bsdutils");
    let program = env!("CARGO_BIN_EXE_py-foreach");
    let line = format!("{program} -q --variants a sh -c 'read x < /dev/tty || exit 9'");
    let mut script = Command::new("script");
    script
        .args(["-qec", &line, "/dev/null"])
        .env_remove("MAKEFLAGS");
    let status = script
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
        .status;
    // Below a terminal of ours it would have been stopped, and would hang.
    assert_eq!(status.code(), Some(9));
}

#[test]
fn a_low_limit_of_open_files_lets_fewer_run_and_loses_none() {
    let names: Vec<String> = (0..40).map(|number| format!("job{number}")).collect();
    for limit in ["48", "64"] {
        let outcome = Command::new("sh")
            .args(["-c", r#"ulimit -n "$1"; shift; exec "$@""#, "sh", limit])
            .arg(env!("CARGO_BIN_EXE_py-foreach"))
            .args(["-j40", "--variants", &names.join(" ")])
            .args(["sh", "-c", "ulimit -n; sleep 0.05"])
            .output()
            .unwrap();
        let said = String::from_utf8(outcome.stderr).unwrap();
        assert!(outcome.status.success(), "{limit}: {said}");
        // The jobs have the limit that we were given.
        let printed = String::from_utf8(outcome.stdout).unwrap();
        assert_eq!(printed, format!("{limit}\n").repeat(40));
        assert_eq!(said.lines().count(), 1, "{said}");
        let note = "py-foreach: note: the limit of open files has room for ";
        assert!(said.starts_with(note), "{said}");
    }
}

#[test]
fn a_killed_starter_ends_no_job_and_the_next_has_another() {
    let dir = scratch();
    let ready = Gate::new(dir.path(), "ready");
    let go = Gate::new(dir.path(), "go");
    let text =
        r#"echo $PPID > "$GATES/ready"; read x < "$GATES/go"; echo "$MULTIBUILD_ID is fine""#;
    let run = tool()
        .args(["--max-impls=1", "--variants", "a b c"])
        .env("GATES", dir.path())
        .env(MARK, dir.path())
        .args(["sh", "-c", text]);
    let run = Running::start(run);
    for _job in ["a", "b", "c"] {
        let supervisor: i32 = ready.line().parse().unwrap();
        kill(parent(supervisor));
        go.open(1);
    }
    let outcome = run.end().expect(0);
    assert_eq!(outcome.stdout, "a is fine\nb is fine\nc is fine\n");
    assert_eq!(outcome.stderr, "");
    assert_eq!(marked(dir.path().to_str().unwrap()), []);
}

#[test]
fn another_starter_is_not_ended_with_the_tree_of_a_killed_supervisor() {
    let dir = scratch();
    let ready = Gate::new(dir.path(), "ready");
    let go = Gate::new(dir.path(), "go");
    let text = r#"echo $PPID > "$GATES/ready"; read x < "$GATES/go""#;
    let run = tool()
        .args(["--max-impls=1", "--grace=0", "--variants", "a b c"])
        .env("GATES", dir.path())
        .env(MARK, dir.path())
        .args(["sh", "-c", text]);
    let run = Running::start(run);
    let first: i32 = ready.line().parse().unwrap();
    kill(parent(first));
    go.open(1);
    let second: i32 = ready.line().parse().unwrap();
    let starter = parent(second);
    kill(second);
    let third: i32 = ready.line().parse().unwrap();
    assert_eq!(parent(third), starter);
    go.open(1);
    run.end().expect(125);
    assert_eq!(marked(dir.path().to_str().unwrap()), []);
}

#[test]
fn the_time_that_jobs_took_is_our_own_childrens() {
    let dir = scratch();
    let report = dir.path().join("report");
    let command = tool().into_command();
    let burn = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    // What the shell says of its children has all that they waited for.
    let outcome = Command::new("bash")
        .args([
            "-c",
            r#""$0" --report "$1" --variants 'a b' sh -c "$2" && times"#,
        ])
        .arg(command.get_program())
        .arg(&report)
        .arg(burn)
        .output()
        .unwrap();
    let said = String::from_utf8(outcome.stdout).unwrap();
    let children = said.lines().nth(1).expect("the times of the children");
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

/// The plain user of these tests, as the number is named everywhere.
const NOBODY: u32 = 65534;

/// A py-foreach for that user, and a program by which a job of the user becomes root's altogether: then it
/// cannot be signalled any more. Nobody else gets at it.
fn beyond_signals(test: &str, dir: &Path) -> Option<(PathBuf, PathBuf)> {
    test_support::need_command("setpriv", "util-linux");
    if !rustix::process::geteuid().is_root() {
        test_support::cannot_run_here(test, "it makes a set-id program of another user");
        return None;
    }
    chown(dir, Some(NOBODY), None).unwrap();
    let (ours, theirs) = (dir.join("py-foreach"), dir.join("root"));
    fs::copy(env!("CARGO_BIN_EXE_py-foreach"), &ours).unwrap();
    fs::copy(find_setpriv(), &theirs).unwrap();
    fs::set_permissions(&ours, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o4755)).unwrap();
    let asked = Command::new("findmnt")
        .args(["-no", "OPTIONS", "-T"])
        .arg(dir)
        .output()
        .unwrap();
    if String::from_utf8_lossy(&asked.stdout).contains("nosuid") {
        test_support::cannot_run_here(test, "TMPDIR is mounted nosuid");
        return None;
    }
    Some((ours, theirs))
}

fn find_setpriv() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut found = std::env::split_paths(&path).map(|dir| dir.join("setpriv"));
    found.find(|path| path.is_file()).unwrap()
}

/// The words by which a job becomes a sleep of root's.
fn beyond(theirs: &Path) -> String {
    format!(
        "{} --reuid=0 --regid=0 --clear-groups sleep 1000",
        theirs.display()
    )
}

/// Runs `command` as nobody, its temporary things in `dir`.
fn as_nobody(dir: &Path, ours: &Path, options: &[&str], command: &[&str]) -> Running {
    let lowered = [
        format!("--reuid={NOBODY}"),
        format!("--regid={NOBODY}"),
        "--clear-groups".to_owned(),
    ];
    let run = test_support::Tool::new("setpriv")
        .args(lowered)
        .arg(ours)
        .args(options)
        .args(["--variants", "a"])
        .args(command);
    let run = crate::NOT_OURS
        .into_iter()
        .fold(run, test_support::Tool::env_remove);
    let run = run.env("TMPDIR", dir).env("GATES", dir).in_directory(dir);
    Running::start(run)
}

/// A process that is to end with the test.
struct Killed(i32);

impl Drop for Killed {
    fn drop(&mut self) {
        let _gone = kill_process(Pid::from_raw(self.0).unwrap(), Signal::KILL);
    }
}

fn is_sleep(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"sleep\n")
}

#[test]
fn what_we_may_not_signal_is_named_and_does_not_hang_us() {
    let dir = scratch();
    let test = "what_we_may_not_signal_is_named_and_does_not_hang_us";
    let Some((ours, theirs)) = beyond_signals(test, dir.path()) else {
        return;
    };
    let pids = Gate::new(dir.path(), "pids");
    chown(dir.path().join("pids"), Some(NOBODY), None).unwrap();
    // It is the command itself, it holds the job's output, and nobody but root can end it.
    let script = format!("echo $$ > \"$GATES/pids\"; exec {}", beyond(&theirs));
    for (options, signal) in [
        (["--timeout=0.1", "--grace=0.1"], None),
        (["--timeout=1h", "--grace=0.1"], Some(Signal::INT)),
    ] {
        let run = as_nobody(dir.path(), &ours, &options, &["sh", "-c", &script]);
        let sleeper: i32 = pids.line().parse().unwrap();
        let _ends_with_us = Killed(sleeper);
        until("it is beyond us", || is_sleep(sleeper));
        if let Some(signal) = signal {
            run.signal(signal);
        }
        let outcome = run.end();
        assert!(lives(sleeper));
        let said = format!("py-foreach: a: left running: sleep ({sleeper})\n");
        assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
        match signal {
            None => drop(outcome.expect(124)),
            Some(signal) => assert_eq!(outcome.signal, Some(signal.as_raw())),
        }
    }
}

#[test]
fn when_we_are_killed_what_we_may_not_signal_is_all_that_stays() {
    let dir = scratch();
    let test = "when_we_are_killed_what_we_may_not_signal_is_all_that_stays";
    let Some((ours, theirs)) = beyond_signals(test, dir.path()) else {
        return;
    };
    let pids = Gate::new(dir.path(), "pids");
    chown(dir.path().join("pids"), Some(NOBODY), None).unwrap();
    let script = format!(
        "{} & echo $PPID $$ $! > \"$GATES/pids\"; wait",
        beyond(&theirs)
    );
    let run = as_nobody(dir.path(), &ours, &["--grace=0.1"], &["sh", "-c", &script]);
    let line = pids.line();
    let told: Vec<i32> = line.split(' ').map(|pid| pid.parse().unwrap()).collect();
    let _ends_with_us = Killed(told[2]);
    until("it is beyond us", || is_sleep(told[2]));
    run.signal(Signal::KILL);
    run.end();
    until("the rest ends, the supervisor last", || {
        !lives(told[0]) && !lives(told[1])
    });
    assert!(lives(told[2]));
}

#[test]
fn a_starter_that_was_stopped_goes_on() {
    // The starter is the supervisor's parent: it is stopped before b, and after the last job.
    let text = "kill -STOP $(awk '{print $4}' /proc/$PPID/stat); echo $MULTIBUILD_ID";
    let run = tool().args(["-j1", "--variants", "a b", "sh", "-c", text]);
    assert_eq!(Running::start(run).end().expect(0).stdout, "a\nb\n");
}

#[test]
fn a_supervisor_that_was_stopped_obeys() {
    let text = "kill -STOP $PPID; exec sleep 1000";
    let run = tool()
        .args(["--timeout=0.5", "--grace=10", "--variants", "a"])
        .args(["sh", "-c", text]);
    Running::start(run).end().expect(124);
}

#[test]
fn a_preloaded_thread_is_named_as_the_cause() {
    let dir = scratch();
    let library = dir.path().join("thread.so");
    fs::write(
        dir.path().join("thread.c"),
        "#include <pthread.h>\n#include <unistd.h>\n\
         static void *rest(void *x) { pause(); return x; }\n\
         __attribute__((constructor)) static void start(void) {\n\
         pthread_t t; pthread_create(&t, 0, rest, 0); }\n",
    )
    .unwrap();
    let compiler = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(dir.path().join("thread.c"))
        .status()
        .unwrap();
    assert!(compiler.success());
    let run = tool()
        .args(["--variants", "a", "true"])
        .env("LD_PRELOAD", library);
    let outcome = Running::start(run).end().expect(125);
    let said =
        "py-foreach: supervise: it has several threads: a preloaded library has started them\n";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
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
    fs::copy(env!("CARGO_BIN_EXE_py-foreach"), &ours).unwrap();
    chown(dir.path(), Some(user), None).unwrap();
    let mut good = 0;
    for most in (1..14).chain([40]) {
        let run = test_support::Tool::new("setpriv")
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
        let run = crate::NOT_OURS
            .into_iter()
            .fold(run, test_support::Tool::env_remove)
            .env("TMPDIR", dir.path())
            .in_directory(dir.path());
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
    let fifo = dir.path().join("build-a.log");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let run = tool()
        .args(["--variants", "a", "--log-dir"])
        .arg(dir.path())
        .arg("true");
    let outcome = Running::start(run).end().expect(125);
    assert!(outcome.stderr.contains("build-a.log"), "{}", outcome.stderr);
}
