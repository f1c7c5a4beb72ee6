//! A job that became root's altogether, below a py-foreach that is not root: nothing of ours can end it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;
use test_support::{Tool, cannot_run_here, need_command, scratch};

use crate::gate::{Gate, lives, until};
use crate::running::{Killed, Running};
use crate::{PROGRAM, on_our_terms};

/// The plain user of these tests, as the number is named everywhere.
const NOBODY: u32 = 65534;

/// A py-foreach for that user, and a program by which a job of the user becomes root's: then it cannot be
/// signalled any more. Nobody else gets at either.
struct Beyond {
    dir: TempDir,
    /// Where a job tells process numbers.
    pids: Gate,
}

impl Beyond {
    /// Nothing where that cannot be had, which has been said.
    fn new(test: &str) -> Option<Self> {
        need_command("setpriv", "util-linux");
        if !rustix::process::geteuid().is_root() {
            cannot_run_here(test, "it makes a set-id program of another user");
            return None;
        }
        let dir = scratch();
        chown(dir.path(), Some(NOBODY), None).unwrap();
        for (from, name, mode) in [
            (Path::new(PROGRAM), "py-foreach", 0o755),
            (&find_setpriv(), "root", 0o4755),
        ] {
            let to = dir.path().join(name);
            fs::copy(from, &to).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(mode)).unwrap();
        }
        let asked = Command::new("findmnt")
            .args(["-no", "OPTIONS", "-T"])
            .arg(dir.path())
            .output()
            .unwrap();
        if String::from_utf8_lossy(&asked.stdout).contains("nosuid") {
            cannot_run_here(test, "TMPDIR is mounted nosuid");
            return None;
        }
        let pids = Gate::new(dir.path(), "pids");
        chown(dir.path().join("pids"), Some(NOBODY), None).unwrap();
        Some(Self { dir, pids })
    }

    /// Runs a job of nobody's that does `script`, in which `$BEYOND` is a sleep of root's.
    fn start(&self, options: &[&str], script: &str) -> Running {
        let dir = self.dir.path();
        let sleep = "--reuid=0 --regid=0 --clear-groups sleep 1000";
        let run = on_our_terms(Tool::new("setpriv"))
            .args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")])
            .arg("--clear-groups")
            .arg(dir.join("py-foreach"))
            .args(options)
            .args(["--variants", "a", "sh", "-c", script])
            .env("BEYOND", format!("{} {sleep}", dir.join("root").display()))
            .env("TMPDIR", dir)
            .env("GATES", dir)
            .in_directory(dir);
        Running::start(run)
    }

    /// The numbers that the job told, the last of them the sleep's: it is beyond us from here on.
    #[track_caller]
    fn told(&self) -> (Vec<i32>, Killed) {
        let line = self.pids.line();
        let mut told: Vec<i32> = line.split(' ').map(|pid| pid.parse().unwrap()).collect();
        let sleeper = Killed(told.pop().unwrap());
        until("it is beyond us", || is_sleep(sleeper.0));
        (told, sleeper)
    }
}

fn find_setpriv() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut found = std::env::split_paths(&path).map(|dir| dir.join("setpriv"));
    found.find(|path| path.is_file()).unwrap()
}

fn is_sleep(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"sleep\n")
}

#[test]
fn a_process_that_we_may_not_signal_is_named_and_does_not_hang_us() {
    let test = "a_process_that_we_may_not_signal_is_named_and_does_not_hang_us";
    let Some(beyond) = Beyond::new(test) else {
        return;
    };
    // It is the command itself, it holds the job's output, and nobody but root can end it.
    let script = r#"echo $$ > "$GATES/pids"; exec $BEYOND"#;
    for (options, signal) in [
        (["--timeout=2", "--grace=0.1"], None),
        (["--timeout=1h", "--grace=0.1"], Some(Signal::INT)),
    ] {
        let run = beyond.start(&options, script);
        let (_, sleeper) = beyond.told();
        if let Some(signal) = signal {
            run.signal(signal);
        }
        let outcome = run.end();
        assert!(lives(sleeper.0));
        let said = format!("py-foreach: a: left running: sleep ({})\n", sleeper.0);
        assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
        match signal {
            None => drop(outcome.expect(124)),
            Some(signal) => assert_eq!(outcome.signal, Some(signal.as_raw())),
        }
    }
}

#[test]
fn after_kill_only_processes_that_we_may_not_signal_stay() {
    let test = "after_kill_only_processes_that_we_may_not_signal_stay";
    let Some(beyond) = Beyond::new(test) else {
        return;
    };
    let script = r#"$BEYOND & echo $PPID $$ $! > "$GATES/pids"; wait"#;
    let run = beyond.start(&["--grace=0.1"], script);
    let (rest, sleeper) = beyond.told();
    run.signal(Signal::KILL);
    run.end();
    until("the rest ends, the supervisor last", || {
        rest.iter().all(|&pid| !lives(pid))
    });
    assert!(lives(sleeper.0));
}
