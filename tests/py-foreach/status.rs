//! USR1: who runs, told wherever it is seen, and whoever else is sent it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use test_support::{Tool, need_command, scratch};

use crate::gate::{Gate, until};
use crate::reports::left_on_screen;
use crate::running::{MARK, Running, marked};
use crate::signals::{room, script};
use crate::{PROGRAM, on_our_terms, tool};

/// Does what `pkill -USR1 py-foreach` does, for the run in `dir`; tells how many there were.
fn ask_everyone(dir: &Path) -> usize {
    let is_ours = |pid: &i32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == "py-foreach\n")
    };
    let all = marked(dir.to_str().unwrap());
    let ours: Vec<i32> = all.into_iter().filter(is_ours).collect();
    for pid in &ours {
        kill_process(Pid::from_raw(*pid).unwrap(), Signal::USR1).unwrap();
    }
    ours.len()
}

#[test]
fn everyone_of_our_name_may_be_asked() {
    let dir = room();
    let (ready, go) = (Gate::new(dir.path(), "ready"), Gate::new(dir.path(), "go"));
    let text = r#"echo > "$GATES/ready"; read x < "$GATES/go""#;
    let run = Running::start(script(dir.path(), &["-j2"], text));
    ready.lines(2);
    // py-foreach and two supervisors.
    assert_eq!(ask_everyone(dir.path()), 3);
    until("it is told", || run.said().lines().count() == 2);
    go.open(3);
    run.end().expect(0);
    // The jobs have the signal as any program has it.
    let job = tool().args(["--variants", "a", "sh", "-c", "kill -USR1 $$"]);
    job.run().expect(128 + 10);
}

#[test]
fn a_make_that_is_ours_for_a_moment_may_be_asked() {
    let dir = scratch();
    let (asked, go) = (Gate::new(dir.path(), "asked"), Gate::new(dir.path(), "go"));
    let make = dir.path().join("bin/make");
    fs::create_dir(make.parent().unwrap()).unwrap();
    let text = "case $1 in --version) echo > \"$GATES/asked\"; read x < \"$GATES/go\"; \
         echo GNU Make 4.4;; *) echo built;; esac";
    fs::write(&make, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&make, fs::Permissions::from_mode(0o755)).unwrap();
    // Behind our own, before the one that was there when the run began.
    let job = "PATH=${PATH%%:*}:$GATES/bin:${PATH#*:}; exec make";
    let run = tool()
        .args(["--variants", "a", "sh", "-c", job])
        .env("GATES", dir.path())
        .env(MARK, dir.path());
    let run = Running::start(run);
    asked.line();
    // py-foreach, the supervisor, and the process that becomes make.
    assert_eq!(ask_everyone(dir.path()), 3);
    go.open(1);
    assert_eq!(run.end().expect(0).stdout, "built\n");
}

#[test]
fn the_answer_stays_above_the_board() {
    need_command("script", "bsdutils");
    let dir = scratch();
    let (here, go) = (Gate::new(dir.path(), "here"), Gate::new(dir.path(), "go"));
    let job = "echo building; echo > here; read x < go";
    let line = format!("echo $$ > here; exec {PROGRAM} -j2 --variants 'a b' sh -c '{job}'");
    let run = on_our_terms(Tool::new("script"))
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .in_directory(dir.path());
    let run = Running::start(run);
    let pid: i32 = here.line().parse().unwrap();
    here.lines(2);
    let boards = || run.shown().matches("2 running").count();
    until("a board is drawn", || boards() > 0);
    kill_process(Pid::from_raw(pid).unwrap(), Signal::USR1).unwrap();
    until("it is told", || run.shown().contains("b: runs for"));
    let before = boards();
    until("a board is drawn again", || boards() > before + 1);
    go.open(2);
    let left = left_on_screen(&run.end().expect(0).stdout);
    let lines: Vec<&str> = left.lines().collect();
    assert_eq!(lines.len(), 4, "{left}");
    assert_eq!((lines[0], lines[3]), ("building", "building"));
    for (line, name) in lines[1..3].iter().zip(["a", "b"]) {
        let said = format!("py-foreach: {name}: runs for ");
        assert!(line.starts_with(&said), "{left}");
    }
}

#[test]
fn in_the_background_there_is_no_board() {
    need_command("script", "bsdutils");
    let dir = scratch();
    let job = "echo one; sleep 0.7; echo two";
    let line = format!("set -m; {PROGRAM} -j2 --variants 'a b' sh -c '{job}' & wait $!");
    let run = on_our_terms(Tool::new("script"))
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "xterm")
        .env("SHELL", "/bin/bash")
        .in_directory(dir.path());
    let shown = Running::start(run).end().expect(0).stdout;
    // The shell says that the job is done.
    let lines = shown.replace('\r', "");
    assert!(lines.starts_with("one\ntwo\none\ntwo\n["), "{shown:?}");
    assert!(!shown.contains('\x1b'), "{shown:?}");
}
