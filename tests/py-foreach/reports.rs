//! `--report`, `--joblog`, and the board on a terminal.

use std::fs;
use std::process::Command;

use test_support::{Tool, need_command, patience, scratch};

use crate::gate::{Gate, fifo};
use crate::running::{Killed, Running};
use crate::{PROGRAM, on_our_terms, tool};

#[test]
fn the_joblog_has_gnu_parallels_columns() {
    let dir = scratch();
    let file = dir.path().join("joblog");
    let text = "printf 12345; case $MULTIBUILD_ID in b) exit 7;; c) kill -9 $$;; esac";
    tool()
        .args(["--variants", "a b c", "--joblog"])
        .arg(&file)
        .args(["sh", "-c", text])
        .run()
        .expect(7);
    let log = fs::read_to_string(&file).unwrap();
    let rows: Vec<Vec<&str>> = log.lines().map(|line| line.split('\t').collect()).collect();
    let header = "Seq Host Starttime JobRuntime Send Receive Exitval Signal Command";
    assert_eq!(rows[0].join(" "), header);
    let facts: Vec<_> = rows[1..].iter().map(|r| (r[0], r[5], r[6], r[7])).collect();
    let expected = [
        ("1", "5", "0", "0"),
        ("2", "5", "7", "0"),
        ("3", "5", "0", "9"),
    ];
    assert_eq!(facts, expected);
    assert!(rows[1][2].parse::<f64>().unwrap() > 1e9);
    assert!(rows[1][8].starts_with("a: sh -c "));
}

#[test]
fn the_report_tells_each_job() {
    need_command("python3", "python3");
    let dir = scratch();
    let file = dir.path().join("report");
    // 50 MiB for long enough to be seen, and some work.
    let text = "x = bytearray(50 << 20); import time; time.sleep(0.4); sum(range(3000000))";
    tool()
        .args(["-j3", "--variants", "a b", "--report"])
        .arg(&file)
        .args(["python3", "-c", text])
        .run()
        .expect(0);
    let check = r"
import json, sys
report = json.load(open(sys.argv[1]))
assert report['schema'] == 1 and report['status'] == 0 and report['signal'] is None, report
assert report['slots'] == 3 and report['pool'] == 'own', report
assert report['memory_would_have_fitted'] >= 1, report
names = [job['name'] for job in report['jobs']]
assert names == ['a', 'b'], names
for job in report['jobs']:
    assert job['ended'] == 'exited' and job['number'] == 0, job
    assert 50 << 20 < job['peak_memory_bytes'] < 200 << 20, job
    assert job['user_seconds'] > 0 and 0.4 < job['wall_seconds'] < 60, job
    assert job['static_share'] == 1 and job['daemons'] == [] and job['errors'] == [], job
";
    let checked = Command::new("python3")
        .args(["-c", check])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}

#[test]
fn a_file_that_cannot_be_written_is_said_before_anything_runs() {
    let dir = scratch();
    for option in ["--report", "--joblog"] {
        tool()
            .args(["--variants", "a", option, "/nonexistent/file", "touch"])
            .arg(dir.path().join("ran"))
            .run()
            .expect(125)
            .complains("py-foreach: create /nonexistent/file: no such file or directory");
    }
    assert!(!dir.path().join("ran").exists());
}

#[test]
fn a_reader_that_comes_late_and_stays_has_the_whole_of_it() {
    for (option, begins) in [("--report", "{\n"), ("--joblog", "Seq\t")] {
        let dir = scratch();
        let fifo = fifo(dir.path(), "fifo");
        let run = tool()
            .args(["-q", "--variants", "a", option])
            .arg(&fifo)
            .arg("true");
        let run = Running::start(run);
        let read = patience::done("the report", move || fs::read_to_string(fifo));
        let read = read.unwrap();
        run.end().expect(0);
        assert!(read.starts_with(begins) && read.ends_with('\n'), "{read:?}");
    }
}

#[test]
fn bad_numbers_are_refused() {
    for (option, word) in [
        ("-j", "0"),
        ("-j", "x"),
        ("--max-impls", "0"),
        ("--timeout", "soon"),
        ("--grace", "-1"),
        ("--memory", "lots"),
        ("-l", "high"),
    ] {
        let outcome = tool()
            .arg(format!("{option}={word}"))
            .args(["--variants", "a", "true"]);
        let outcome = outcome.run().expect(125);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert!(
            outcome.stderr.starts_with("py-foreach: "),
            "{}",
            outcome.stderr
        );
    }
}

/// What py-foreach prints on a terminal.
fn on_a_terminal(options: &str) -> String {
    need_command("script", "bsdutils");
    let line =
        format!("{PROGRAM} -j2 --variants 'a b' {options} sh -c 'echo one; sleep 0.7; echo two'");
    let script = on_our_terms(Tool::new("script")).args(["-qec", &line, "/dev/null"]);
    let run = Running::start(script.env("TERM", "xterm"));
    run.end().expect(0).stdout
}

#[test]
fn a_terminal_has_a_board_that_leaves_no_trace() {
    let shown = on_a_terminal("");
    assert!(
        shown.contains(" 2 running, 0 waiting, 0 done, 0 failed"),
        "{shown:?}"
    );
    assert!(shown.contains("b             0:00 one"), "{shown:?}");
    assert_eq!(left_on_screen(&shown), "one\ntwo\none\ntwo\n", "{shown:?}");
}

/// What a terminal shows in the end: the board goes up some lines and clears from there on. How many lines it
/// had last depends on which job ended first.
pub(crate) fn left_on_screen(shown: &str) -> String {
    let mut screen = String::new();
    for part in shown.split("\x1b[") {
        if let Some(lines) = part.strip_suffix('A') {
            for _ in 0..lines.parse().unwrap() {
                screen.pop();
                screen.truncate(screen.rfind('\n').map_or(0, |end| end + 1));
            }
        } else {
            screen.push_str(&part.strip_prefix('J').unwrap_or(part).replace('\r', ""));
        }
    }
    screen
}

#[test]
fn quiet_has_no_board() {
    let shown = on_a_terminal("-q");
    assert_eq!(shown.replace('\r', ""), "one\ntwo\none\ntwo\n", "{shown:?}");
}

#[test]
fn quiet_says_nothing_of_what_was_left() {
    let dir = scratch();
    let pids = Gate::new(dir.path(), "pids");
    let text = r#"setsid sh -c 'echo $$ > "$GATES/pids"; exec sleep 1000' & echo built"#;
    let run = tool()
        .args(["-q", "--variants", "a"])
        .env("GATES", dir.path())
        .args(["sh", "-c", text]);
    let run = Running::start(run);
    let _daemon = Killed(pids.line().parse().unwrap());
    let outcome = run.end().expect(0);
    assert_eq!((&*outcome.stdout, &*outcome.stderr), ("built\n", ""));
}

#[test]
fn one_file_is_not_written_twice() {
    let dir = scratch();
    let run = |words: [&str; 4]| {
        let run = tool().args(["-q", "--variants", "v"]).args(words);
        run.args(["touch", "ran"]).in_directory(dir.path()).run()
    };
    run(["--report", "r", "--joblog", "./r"])
        .expect(125)
        .complains("py-foreach: write r: --joblog and --report name the same file");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    run(["--report", "/dev/null", "--joblog", "/dev/null"]).expect(0);
}

/// What is in `out` after the shell's `line` with py-foreach and `words` as its "$@".
fn left_in_out(line: &str, words: &[&str]) -> String {
    let dir = scratch();
    let mut shell = Command::new("sh");
    shell.args(["-c", line, "sh"]).current_dir(dir.path());
    let run = tool().args(["-q", "--variants", "v"]).args(words);
    let run = Running::start_command(run.behind(shell)).end();
    assert_eq!(run.status, Some(0), "{run:?}");
    fs::read_to_string(dir.path().join("out")).unwrap()
}

#[test]
fn a_stream_that_is_a_file_keeps_what_is_in_it() {
    let stdout = "{ echo before; \"$@\"; echo after; } > out";
    for (line, file) in [
        (stdout, "/dev/stdout"),
        (stdout, "/dev/fd/1"),
        (stdout, "/proc/self/fd/1"),
        (stdout, "out"),
        (stdout, "./link"),
        (
            "{ echo before; \"$@\" 2>&1; echo after; } > out",
            "/dev/stderr",
        ),
        (
            "{ echo before >&3; \"$@\" >&3; echo after >&3; } 3> out",
            "/dev/fd/3",
        ),
        (
            "echo before > out; { \"$@\"; echo after; } >> out",
            "/dev/stdout",
        ),
    ] {
        for (option, begins) in [("--report", "{\n"), ("--joblog", "Seq\t")] {
            let line = format!("ln -s out link; {line}");
            let left = left_in_out(&line, &[option, file, "echo", "printed"]);
            let rest = left.strip_prefix("before\nprinted\n");
            let rest = rest.and_then(|rest| rest.strip_suffix("\nafter\n"));
            assert!(
                rest.is_some_and(|rest| rest.starts_with(begins)),
                "{line} {file}: {left}"
            );
        }
    }
    let both = ["--report", "/dev/stdout", "--joblog", "/dev/stdout", "true"];
    let left = left_in_out(stdout, &both);
    let (joblog, report) = left
        .split_once("\n{\n")
        .expect("the report behind the joblog");
    assert!(joblog.starts_with("before\nSeq\t"), "{left}");
    assert!(report.ends_with("}\nafter\n"), "{left}");
}

#[test]
fn a_descriptor_that_nobody_gave_is_refused() {
    let dir = scratch();
    for file in ["/dev/fd/190", "/proc/self/fd/190"] {
        tool()
            .args(["--variants", "v", "--report", file, "touch"])
            .arg(dir.path().join("ran"))
            .run()
            .expect(125)
            .complains(&format!("py-foreach: create {file}: bad file descriptor"));
    }
    assert!(!dir.path().join("ran").exists());
}

#[test]
fn a_run_that_is_refused_leaves_the_files_of_the_one_before() {
    let dir = scratch();
    let names = ["report", "joblog", "exports"];
    for name in names {
        fs::write(dir.path().join(name), "old\n").unwrap();
    }
    fs::write(dir.path().join("functions"), "f() { x=new; }\n").unwrap();
    let run = |workdir: &str| {
        tool()
            .args(["-q", "--variants", "v", "--shell-env", "functions"])
            .args(["--export", "x", "--export-to", "exports", "-b", "/b"])
            .args(["--report", "report", "--joblog", "joblog", "f"])
            .env("WORKDIR", workdir)
            .in_directory(dir.path())
            .run()
    };
    let left = |name| fs::read_to_string(dir.path().join(name)).unwrap();
    run("/w").expect(125);
    assert_eq!(names.map(left), ["old\n"; 3]);
    run("/").expect(0);
    assert_eq!(left("exports"), "x='new'\n");
    assert!(left("report").starts_with('{') && left("report").ends_with("}\n"));
    assert!(left("joblog").starts_with("Seq") && !left("joblog").contains("old"));
}
