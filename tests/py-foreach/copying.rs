//! `--copy-sources`: each job has its own copy, and the sources stay as they are.

use std::fs;
use std::os::unix::fs::MetadataExt;

use test_support::{Tool, lay, listing, need_command, scratch};

use crate::{on_our_terms, tool};

const TREE: &str = "a 644 \"x\\n\"\nd/ 755\nd/run 755 \"#!/bin/sh\\n\"\nl -> a\n";

#[test]
fn each_job_works_in_its_own_copy() {
    let source = scratch();
    lay(source.path(), TREE);
    let script = "test \"$PWD\" = \"$BUILD_DIR\" && echo $MULTIBUILD_ID >> a && ./d/run && cat a l";
    let said = tool()
        .args(["-q", "--variants", "v1 v2", "--copy-sources"])
        .arg(source.path())
        .args(["sh", "-c", script])
        .run()
        .expect(0);
    assert_eq!(said.stdout, "x\nv1\nx\nv1\nx\nv2\nx\nv2\n");
    assert_eq!(listing(source.path()), TREE);
}

#[test]
fn a_named_place_keeps_the_copy_and_an_old_one_is_refused() {
    let source = scratch();
    let place = scratch();
    lay(source.path(), TREE);
    let run = || {
        tool()
            .args(["-q", "--variants", "v1", "--copy-sources", ".", "-b"])
            .arg(place.path().join("build"))
            .args(["sh", "-c", "rm l; touch built"])
            .in_directory(source.path())
            .run()
    };
    run().expect(0);
    let expected = "a 644 \"x\\n\"\nbuilt 644 \"\"\nd/ 755\nd/run 755 \"#!/bin/sh\\n\"\n";
    assert_eq!(listing(&place.path().join("build-v1")), expected);
    let original = fs::metadata(source.path().join("a")).unwrap();
    let copy = fs::metadata(place.path().join("build-v1/a")).unwrap();
    assert_eq!(
        (original.mtime(), original.mtime_nsec()),
        (copy.mtime(), copy.mtime_nsec())
    );
    let refused = run().expect(125);
    assert!(
        refused
            .stderr
            .contains("build-v1: is there already and is not empty"),
        "{}",
        refused.stderr
    );
    assert_eq!(listing(&place.path().join("build-v1")), expected);
}

#[test]
fn the_runs_own_files_are_not_copied() {
    let source = scratch();
    lay(
        source.path(),
        "a 644 \"\"\nlogs/ 755\nout-v0/x 644 \"\"\ntmp/ 755\n",
    );
    let said = tool()
        .args([
            "-q",
            "--variants",
            "v1 v2",
            "-j1",
            "--copy-sources",
            ".",
            "-b",
            "out",
            "--log-dir",
            "logs",
        ])
        .args(["sh", "-c", "ls; ls tmp"])
        .env("TMPDIR", source.path().join("tmp"))
        .env_remove("T")
        .in_directory(source.path())
        .run()
        .expect(0);
    assert_eq!(said.stdout, "a\nout-v0\ntmp\na\nout-v0\ntmp\n");
}

#[test]
fn logs_that_nobody_asked_for_are_not_copied() {
    let source = scratch();
    lay(source.path(), "a 644 \"\"\ntmp/ 755\n");
    let said = tool()
        .args(["-q", "--variants", "v1 v2", "-j1", "--copy-sources", "."])
        .args(["sh", "-c", "ls tmp"])
        .env("TMPDIR", source.path().join("tmp"))
        .in_directory(source.path())
        .run()
        .expect(0);
    assert_eq!(said.stdout, "");
}

#[test]
fn a_deep_tree_needs_no_descriptor_for_each_level() {
    need_command("prlimit", "util-linux");
    let source = scratch();
    let mut deep = source.path().to_owned();
    deep.extend([&"d/".repeat(200)]);
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("file"), "x").unwrap();
    let said = on_our_terms(Tool::new("prlimit"))
        .args(["--nofile=100", env!("CARGO_BIN_EXE_py-foreach")])
        .args(["-q", "--variants", "v1", "--copy-sources"])
        .arg(source.path())
        .args(["find", "-name", "file"])
        .run()
        .expect(0);
    assert_eq!(said.stdout, format!("./{}file\n", "d/".repeat(200)));
}

#[test]
fn sources_that_are_not_there_are_named() {
    let outcome = tool()
        .args([
            "-q",
            "--variants",
            "v1",
            "--copy-sources",
            "/nonexistent/source",
            "true",
        ])
        .run()
        .expect(125);
    assert!(
        outcome
            .stderr
            .contains("copy /nonexistent/source: no such file or directory"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn bad_sources_are_reported_once_before_anything_runs() {
    let dir = scratch();
    fs::write(dir.path().join("file"), "").unwrap();
    for (sources, why) in [
        ("nowhere", "no such file or directory"),
        ("file", "is not a directory"),
    ] {
        tool()
            .args(["--variants", "a b c", "--copy-sources", sources])
            .args(["--joblog", "log", "true"])
            .in_directory(dir.path())
            .run()
            .expect(125)
            .complains(&format!("py-foreach: copy {sources}: {why}"));
        assert!(!dir.path().join("log").exists());
    }
}

#[test]
fn a_copy_beyond_the_limit_of_sizes_fails_and_leaves_nothing() {
    need_command("prlimit", "util-linux");
    let source = scratch();
    let place = scratch();
    let big = "x".repeat(100_000);
    lay(source.path(), &format!("big 644 \"{big}\"\n"));
    let run = Tool::new("prlimit")
        .args(["--fsize=50000", env!("CARGO_BIN_EXE_py-foreach")])
        .args(["-q", "--variants", "v1", "--log-dir", "logs"])
        .args(["-b", "build", "--copy-sources"])
        .arg(source.path())
        .arg("true")
        .env("TMPDIR", place.path())
        .env_remove("T")
        .in_directory(place.path())
        .run()
        .expect(125);
    let said: Vec<&str> = run.stderr.lines().collect();
    assert!(said[0].ends_with("big: file too large"), "{}", run.stderr);
    assert_eq!(
        said[1..],
        ["py-foreach: v1: could not be run"],
        "an empty log is not worth a look"
    );
    assert_eq!(
        listing(place.path()),
        "logs/ 755\nlogs/build-v1.log 644 \"\"\n"
    );
}
