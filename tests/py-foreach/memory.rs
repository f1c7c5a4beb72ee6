//! `--memory`: jobs that do not fit together wait for each other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::{Outcome, need_command, scratch};

use crate::running::Running;
use crate::tool;

const MIB: u64 = 1 << 20;

/// A control group with a limit, for as long as the value lives.
struct Group {
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    V1,
    V2,
}

impl Group {
    fn make(limit: u64) -> Option<Self> {
        let name = format!("py-foreach-test-{}", std::process::id());
        let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
        let of = |prefix: &str, root: &str| {
            let line = membership.lines().find_map(|line| line.split_once(prefix));
            line.map(|(_, path)| Path::new(root).join(path.trim_start_matches('/')))
        };
        let v1 = of(":memory:", "/sys/fs/cgroup/memory");
        let v2 = of("0::", "/sys/fs/cgroup");
        let candidates = [
            (v1, Kind::V1, "memory.limit_in_bytes"),
            (v2, Kind::V2, "memory.max"),
        ];
        for (parent, kind, file) in candidates {
            let Some(path) = parent.map(|parent| parent.join(&name)) else {
                continue;
            };
            if fs::create_dir(&path).is_err() {
                continue;
            }
            let group = Self { path, kind };
            if fs::write(group.path.join(file), limit.to_string()).is_ok() {
                return Some(group);
            }
        }
        None
    }

    /// How often the limit was run into.
    fn killed(&self) -> u64 {
        let (file, field) = match self.kind {
            Kind::V1 => ("memory.oom_control", "oom_kill "),
            Kind::V2 => ("memory.events", "oom_kill "),
        };
        let text = fs::read_to_string(self.path.join(file)).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .unwrap();
        line.trim().parse().unwrap()
    }

    /// Eight jobs of 500 MiB, all at once if nothing holds them back.
    fn eight_jobs(&self, memory: &str, report: &Path) -> Outcome {
        let work = "x = bytearray(500 << 20); import time; time.sleep(0.3)";
        let tool = tool()
            .args([
                "-q",
                "-j8",
                "--variants",
                "a b c d e f g h",
                memory,
                "--report",
            ])
            .arg(report)
            .args(["python3", "-c", work]);
        let mut inside = Command::new("sh");
        inside
            .args(["-c", r#"echo $$ > "$0/cgroup.procs" && exec "$@""#])
            .arg(&self.path);
        Running::start_command(tool.behind(inside)).end()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let gone = || fs::remove_dir(&self.path).is_ok();
        crate::gate::until("the control group is empty", gone);
    }
}

#[test]
fn eight_jobs_of_500_mib_finish_in_2_gib() {
    let test = "eight_jobs_of_500_mib_finish_in_2_gib";
    need_command("python3", "python3");
    let Some(group) = Group::make(2048 * MIB) else {
        test_support::cannot_run_here(test, "it makes a memory control group, which needs root");
        return;
    };
    let dir = scratch();
    let report = dir.path().join("report");
    group.eight_jobs("--memory=auto", &report).expect(0);
    assert_eq!(group.killed(), 0);
    // The same without the rule: the kernel kills.
    let outcome = group.eight_jobs("--memory=off", &report);
    assert!(group.killed() > 0, "{:?}", outcome.status);
    assert_ne!(outcome.status, Some(0));
}

#[test]
fn a_stated_size_stays_available_and_one_runs_all_the_same() {
    let dir = scratch();
    let here = crate::gate::Gate::new(dir.path(), "here");
    let go = crate::gate::Gate::new(dir.path(), "go");
    // More than there is: each has to wait until it is the only one.
    let run = tool()
        .args(["-j3", "--variants", "a b c", "--memory=1000T"])
        .env("GATES", dir.path())
        .args(["sh", "-c", r#"echo > "$GATES/here"; read x < "$GATES/go""#]);
    let run = Running::start(run);
    for _ in 0..3 {
        here.line();
        here.stays_shut();
        go.open(1);
    }
    run.end().expect(0);
}
