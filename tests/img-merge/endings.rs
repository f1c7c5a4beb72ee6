//! What is said and written when a run ends before its end.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use test_support::patience::{self, until};

use crate::merge;
use test_support::{Outcome, Tool, lay, need_command, scratch};

/// The last line of a file of JSON Lines.
fn last(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("the JSON");
    serde_json::from_str(text.lines().last().expect("a line")).expect("an object")
}

/// Under strace, which injects.
fn injected(root: &Path, injects: &[&str], words: &[&str]) -> Outcome {
    need_command("strace", "strace");
    Tool::new("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=linkat,utimensat,openat2",
        ])
        .args(injects.iter().map(|inject| format!("--inject={inject}")))
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .in_directory(root)
        .run()
}

#[test]
fn a_signal_in_a_later_record_names_the_merged_images() {
    let root = scratch();
    lay(root.path(), "a/f 644 \"f\"\nb/g 644 \"g\"\nb/h 644 \"h\"");
    let record = |minor: u8, image: &str| {
        format!("python3.{minor}\t{}\n", root.path().join(image).display())
    };
    fs::write(
        root.path().join("records"),
        record(11, "a") + &record(12, "b") + "end\t0\n",
    )
    .expect("the records");
    let outcome = injected(
        root.path(),
        &["linkat:signal=TERM:when=2"],
        &["-j1", "--json=out", "--images-from=records", "d"],
    );
    assert_eq!(outcome.signal, Some(15), "{}", outcome.stderr);
    let merged = format!(
        "; merged: {}; ended by a signal\n",
        root.path().join("a").display()
    );
    assert!(
        outcome
            .stderr
            .contains("img-merge: merged 1 image into d: 1 file linked")
    );
    assert!(outcome.stderr.ends_with(&merged), "{}", outcome.stderr);
    let summary = last(&root.path().join("out"));
    assert_eq!(summary["event"], "summary");
    assert_eq!(
        (&summary["images"], &summary["status"]),
        (&1.into(), &143.into())
    );
    assert_eq!(
        test_support::listing(&root.path().join("d")),
        "f 644 \"f\"\n"
    );
}

#[test]
fn the_json_has_each_record_before_the_next_one_comes() {
    let root = scratch();
    lay(root.path(), "a/f 644 \"f\"");
    let mut tool = Command::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(["-q", "--json=out", "--images-from=-", "d"])
        .current_dir(root.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("the tool");
    let mut records = tool.stdin.take().expect("a pipe");
    writeln!(records, "python3.11\t{}", root.path().join("a").display()).expect("a record");
    // No end of the stream: what is there is there by itself.
    until("the JSON has what was merged", || {
        let text = fs::read_to_string(root.path().join("out")).unwrap_or_default();
        text.contains(r#""path":"f""#) && text.ends_with('\n')
    });
    writeln!(records, "end\t0").expect("the end");
    drop(records);
    assert!(patience::end(tool, "the merge").status.success());
}

#[test]
fn a_refused_run_keeps_the_old_manifest() {
    let root = scratch();
    lay(
        root.path(),
        "i/f 644 \"new\"\nd/f 644 \"old\"\nm 644 \"of yesterday\"",
    );
    merge(root.path(), &["--manifest=m", "i", "d"]).expect(1);
    let manifest = || fs::read_to_string(root.path().join("m")).expect("the manifest");
    assert_eq!(manifest(), "of yesterday");
    lay(root.path(), "j 644 \"as well\"");
    merge(root.path(), &["--manifest=gone/m", "--json=j", "i", "d"]).expect(2);
    assert_eq!(
        fs::read_to_string(root.path().join("j")).expect("it"),
        "as well"
    );
    merge(root.path(), &["--manifest=m", "-n", "i", "d"]).expect(0);
    assert!(
        manifest().starts_with("#mtree\n. type=dir"),
        "{}",
        manifest()
    );
    assert!(!manifest().contains("yesterday"));
}

#[test]
fn a_path_that_is_renamed_while_it_is_opened_is_opened_again() {
    for (word, status) in [("-j1", 1), ("--keep-directory-symlink", 0)] {
        let root = scratch();
        lay(
            root.path(),
            "i/usr/lib64/f 644 \"f\"\nd/usr/lib64 -> lib\nd/usr/lib/ 755\nd/usr/x/ 755\ni/usr/x/ 755",
        );
        for at in 1..12 {
            let inject = format!("openat2:error=EAGAIN:when={at}..{}", at + 2);
            injected(root.path(), &[&inject], &[word, "i", "d"]).expect(status);
        }
    }
}

#[test]
fn a_signal_ends_the_copy_of_a_large_file() {
    need_command("strace", "strace");
    let root = scratch();
    lay(root.path(), "i/x 644 \"x\"\nd/ 755");
    // Four pieces.
    fs::write(root.path().join("i/large"), vec![7; 64 << 20]).expect("a large file");
    let outcome = Tool::new("strace")
        .args(["-f", "-qq", "-o", "log", "--trace=copy_file_range"])
        .arg("--inject=copy_file_range:signal=TERM:when=1")
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(["-j1", "--method=copy", "i", "d"])
        .in_directory(root.path())
        .run();
    assert_eq!(outcome.signal, Some(15), "{}", outcome.stderr);
    let log = fs::read_to_string(root.path().join("log")).expect("the log");
    let pieces = log.lines().filter(|line| line.ends_with(" = 16777216"));
    assert_eq!(pieces.count(), 1, "{log}");
    assert_eq!(test_support::listing(&root.path().join("d")), "");
}
