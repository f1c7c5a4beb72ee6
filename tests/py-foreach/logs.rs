//! The logs: complete, where they were asked for, and kept when they are needed.

use std::fs;
use std::path::PathBuf;

use test_support::{listing, scratch};

use crate::tool;

#[test]
fn a_log_is_the_jobs_whole_output() {
    let dir = scratch();
    let logs = dir.path().join("not/yet/there");
    let shown = tool()
        .args(["--variants", "a b", "--log-dir"])
        .arg(&logs)
        .args(["sh", "-c", "echo out; echo err >&2; printf '\\0\\377end'"])
        .run()
        .expect(0);
    for name in ["build-a.log", "build-b.log"] {
        assert_eq!(fs::read(logs.join(name)).unwrap(), b"out\nerr\n\0\xffend");
    }
    assert_eq!(shown.stderr, "");
}

#[test]
fn under_variants_a_log_grows_and_only_the_new_part_is_shown() {
    let dir = scratch();
    fs::write(dir.path().join("build-a.log"), "before\n").unwrap();
    let run = || {
        tool()
            .args(["--variants", "a", "--log-dir"])
            .arg(dir.path())
            .args(["sh", "-c", "echo now; exit 1"])
            .run()
            .expect(1)
    };
    let outcome = run();
    assert_eq!(outcome.stdout, "now\n");
    assert!(
        outcome.stderr.ends_with("; it ends:\nnow\n"),
        "{}",
        outcome.stderr
    );
    run();
    let log = fs::read_to_string(dir.path().join("build-a.log")).unwrap();
    assert_eq!(log, "before\nnow\nnow\n");
}

#[test]
fn an_empty_log_has_no_end_to_show_and_the_next_failure_has() {
    let dir = scratch();
    let text = "[ $MULTIBUILD_VARIANT = a ] || echo why; exit 1";
    let outcome = tool()
        .args(["--variants", "a b", "--log-dir"])
        .arg(dir.path())
        .args(["sh", "-c", text])
        .run()
        .expect(1);
    let lines: Vec<_> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{}", outcome.stderr);
    assert!(lines[0].ends_with("build-a.log"), "{}", lines[0]);
    assert!(lines[1].ends_with("build-b.log; it ends:"), "{}", lines[1]);
    assert_eq!(lines[2], "why");
}

#[test]
fn gentoos_t_is_where_logs_go() {
    let dir = scratch();
    let t = dir.path().to_str().unwrap();
    tool()
        .args(["--variants", "a", "echo", "x"])
        .env("T", t)
        .run()
        .expect(0);
    let log = fs::read_to_string(dir.path().join("build-a.log")).unwrap();
    assert_eq!(log, "x\n");
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing but the log is left in T: {left:?}");
}

#[test]
fn without_a_place_logs_stay_only_after_a_failure() {
    let dir = scratch();
    let left = || -> Vec<PathBuf> {
        let entries = fs::read_dir(dir.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let run = |script| {
        tool()
            .args(["--variants", "a", "sh", "-c", script])
            .env("TMPDIR", dir.path())
            .run()
    };
    run("echo x").expect(0);
    assert_eq!(left(), Vec::<PathBuf>::new());
    let outcome = run("echo x; exit 1").expect(1);
    let [kept] = &left()[..] else {
        panic!("{:?}", left());
    };
    let log = kept.join("build-a.log");
    assert_eq!(fs::read_to_string(&log).unwrap(), "x\n");
    assert!(
        outcome.stderr.contains(log.to_str().unwrap()),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_tail_of_the_first_failing_log_is_shown_again() {
    let outcome = tool()
        .args(["--variants", "a b c", "--output=quiet", "sh", "-c"])
        .arg("seq 1 100; test $MULTIBUILD_ID = a")
        .run()
        .expect(1);
    assert_eq!(outcome.stdout, "");
    let (first, second) = outcome.stderr.split_once('\n').unwrap();
    assert!(first.starts_with("py-foreach: b: exited with status 1; its log is /"));
    let tail: String = (81..=100).map(|n| format!("{n}\n")).collect();
    let rest = second.strip_prefix(&tail).expect(second);
    assert!(rest.starts_with("py-foreach: c: exited with status 1; its log is /"));
    assert_eq!(rest.lines().count(), 1, "{rest}");
}

#[test]
fn a_log_that_cannot_be_made_stops_the_run() {
    let dir = scratch();
    fs::write(dir.path().join("file"), "").unwrap();
    let under_file = dir.path().join("file/logs");
    tool()
        .args(["--variants", "a", "--log-dir"])
        .arg(&under_file)
        .args(["touch"])
        .arg(dir.path().join("ran"))
        .run()
        .expect(125)
        .complains(&format!(
            "py-foreach: make directory {}: not a directory",
            under_file.display()
        ));
    assert!(!dir.path().join("ran").exists());
    // One of them is a directory already.
    fs::create_dir(dir.path().join("build-b.log")).unwrap();
    let outcome = tool()
        .args(["--variants", "a b", "-j1", "--log-dir"])
        .arg(dir.path())
        .args(["echo", "x"])
        .run()
        .expect(125);
    assert_eq!(outcome.stdout, "x\n", "the other one has a log");
    let log = dir.path().join("build-b.log");
    let said = format!("py-foreach: b: write {}: is a directory\n", log.display());
    assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
}

#[test]
fn a_full_disk_is_said_and_nothing_goes_on() {
    let test = "a_full_disk_is_said_and_nothing_goes_on";
    let dir = scratch();
    let Some(_mount) = small_file_system(test, dir.path()) else {
        return;
    };
    let ran = scratch();
    let outcome = tool()
        .args(["--variants", "a b", "-j1", "--log-dir"])
        .arg(dir.path())
        .args([
            "sh",
            "-c",
            "head -c 1000000 /dev/zero; touch $MULTIBUILD_ID",
        ])
        .in_directory(ran.path())
        .run()
        .expect(125);
    let log = dir.path().join("build-a.log");
    let said = format!(
        "py-foreach: a: write {}: no space left on device\n",
        log.display()
    );
    assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
    let said = said
        .replace("a: write", "b: write")
        .replace("build-a", "build-b");
    assert!(
        outcome.stderr.contains(&said),
        "each fails by itself: {}",
        outcome.stderr
    );
    assert_eq!(listing(ran.path()), "", "a job went on");
}

/// A file system of 64 KiB at `path`, for as long as the value lives.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _status = std::process::Command::new("umount").arg(&self.0).status();
    }
}

fn small_file_system(test: &str, path: &std::path::Path) -> Option<Mount> {
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "none"])
        .arg(path)
        .output()
        .unwrap();
    if !mounted.status.success() {
        test_support::cannot_run_here(test, "it mounts a small tmpfs, which needs root");
        return None;
    }
    Some(Mount(path.to_owned()))
}

#[test]
fn a_log_that_cannot_be_made_is_told_once() {
    let dir = scratch();
    fs::create_dir(dir.path().join("build-a.log")).unwrap();
    let run = tool()
        .args(["--variants", "a", "--log-dir"])
        .arg(dir.path())
        .arg("true")
        .run()
        .expect(125);
    let log = dir.path().join("build-a.log");
    assert_eq!(
        run.stderr,
        format!(
            "py-foreach: a: write {}: is a directory\npy-foreach: a: could not be run\n",
            log.display()
        )
    );
}
