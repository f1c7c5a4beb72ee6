//! How output is shown: prefixed, quiet, to a reader that goes, in any amount.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use test_support::{patience, pythons, scratch};

use crate::gate::Gate;
use crate::running::{MARK, Running, marked};
use crate::tool;

#[test]
fn prefixed_lines_are_whole_and_bear_their_job() {
    let dir = scratch();
    let (ready, go) = (Gate::new(dir.path(), "ready"), Gate::new(dir.path(), "go"));
    // Both write the first half of a line before either writes the second.
    let text =
        r#"printf 'half '; echo > "$GATES/ready"; read x < "$GATES/go"; echo whole; printf end"#;
    let run = tool()
        .args(["-j2", "--output=prefix", "--variants", "a long"])
        .env("GATES", dir.path())
        .args(["sh", "-c", text]);
    let run = Running::start(run);
    ready.lines(2);
    go.open(2);
    let outcome = run.end().expect(0);
    let mut lines: Vec<_> = outcome.stdout.lines().collect();
    lines.sort_unstable();
    let expected = [
        "a    | end",
        "a    | half whole",
        "long | end",
        "long | half whole",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_line_without_end_is_shown_in_pieces_and_logged_as_it_is() {
    let dir = scratch();
    let outcome = tool()
        .args(["--output=prefix", "--variants", "a", "--log-dir"])
        .arg(dir.path())
        .args(["sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x"])
        .run()
        .expect(0);
    let shown: usize = outcome
        .stdout
        .lines()
        .map(|line| line.len() - "a | ".len())
        .sum();
    assert_eq!(shown, 1_000_000);
    let log = fs::metadata(dir.path().join("build-a.log")).unwrap();
    assert_eq!(log.len(), 1_000_000);
}

#[test]
fn quiet_shows_nothing_and_logs_all() {
    let dir = scratch();
    let outcome = tool()
        .args(["--output=quiet", "--variants", "a", "--log-dir"])
        .arg(dir.path())
        .args(["echo", "x"])
        .run()
        .expect(0);
    assert_eq!((&*outcome.stdout, &*outcome.stderr), ("", ""));
    let log = fs::read_to_string(dir.path().join("build-a.log")).unwrap();
    assert_eq!(log, "x\n");
}

#[test]
fn much_output_takes_no_memory_and_arrives_whole() {
    const EACH: usize = 64 << 20;
    for how in ["--output=live", "--output=prefix"] {
        let dir = scratch();
        let go = Gate::new(dir.path(), "go");
        // The last one waits, so that py-foreach can be looked at when the rest has passed through it.
        let text = format!(
            r#"head -c {EACH} /dev/zero; test $MULTIBUILD_ID != d || read x < "$GATES/go""#
        );
        let mut command = tool()
            .args(["-j2", how, "--variants", "a b c d", "--log-dir"])
            .arg(dir.path())
            .env("GATES", dir.path())
            .args(["sh", "-c", &text])
            .into_command();
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let shown = child.stdout.take().unwrap();
        // What `prefix` holds back for the end of its line comes with the end of the job.
        let to_come = if how == "--output=live" { 4 } else { 3 } * EACH;
        let mut shown = patience::done("the output", move || zeros(shown, to_come));
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let peak: u64 = peak.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        go.open(1);
        let rest = patience::done("the rest", move || {
            std::io::copy(&mut shown, &mut std::io::sink())
        });
        rest.unwrap();
        assert!(patience::end(child, "py-foreach").status.success());
        assert!(peak < 32 << 10, "{how}: py-foreach took {peak} KiB");
    }
}

/// Reads until `count` zeros have come, and gives the stream back.
fn zeros<R: Read>(mut stream: R, count: usize) -> R {
    let (mut to_come, mut bytes) = (count, vec![0; 1 << 16]);
    while to_come > 0 {
        let read = stream.read(&mut bytes).unwrap();
        assert!(read > 0, "{to_come} bytes are missing");
        let lines = bytes[..read].split(|byte| *byte != 0);
        to_come = to_come.saturating_sub(lines.map(<[u8]>::len).sum());
    }
    stream
}

#[test]
fn when_our_reader_goes_we_end_what_runs_and_fail() {
    let dir = scratch();
    let text = "echo begins; test $MULTIBUILD_ID = a || echo more; sleep 1000";
    let mut command = tool()
        .args(["-j2", "--variants", "a b c"])
        .env(MARK, dir.path())
        .args(["sh", "-c", text])
        .into_command();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = child.stdout.take().unwrap();
    let (line, reader) = patience::done("the first line", move || {
        let mut line = [0; 7];
        reader.read_exact(&mut line).unwrap();
        (line, reader)
    });
    assert_eq!(&line, b"begins\n");
    // Nothing is written any more: that the reader is gone has to be noticed by itself.
    drop(reader);
    let outcome = patience::end(child, "py-foreach");
    assert_eq!(outcome.status.code(), Some(125));
    let stderr = String::from_utf8(outcome.stderr).unwrap();
    assert!(
        stderr.contains("py-foreach: c: was not started\n"),
        "{stderr}"
    );
    assert!(
        stderr.ends_with("py-foreach: write standard output: broken pipe\n"),
        "{stderr}"
    );
    assert_eq!(marked(dir.path().to_str().unwrap()), []);
}

#[test]
fn when_the_reader_of_records_goes_we_end_too() {
    let Some(pythons) = pythons::newest("when_the_reader_of_records_goes_we_end_too", 1) else {
        return;
    };
    let dir = scratch();
    let ready = Gate::new(dir.path(), "ready");
    let mut command = tool()
        .arg("-i")
        .arg(&pythons[0].path)
        .arg("--images")
        .arg(dir.path().join("images"))
        .env("GATES", dir.path())
        .env(MARK, dir.path())
        .args(["sh", "-c", r#"echo > "$GATES/ready"; sleep 1000"#])
        .into_command();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    ready.line();
    drop(child.stdout.take());
    let outcome = patience::end(child, "py-foreach");
    assert_eq!(outcome.status.code(), Some(125));
    let stderr = String::from_utf8(outcome.stderr).unwrap();
    assert_eq!(stderr.matches("broken pipe").count(), 1, "{stderr}");
    assert_eq!(marked(dir.path().to_str().unwrap()), []);
}
