//! Several images of one transaction that meet in one name.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use test_support::{Outcome, Tool, lay, need_command, scratch};

fn merge(root: &Path, words: &[&str]) -> Outcome {
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .in_directory(root)
        .run()
}

#[test]
fn a_link_group_never_gets_the_content_that_replaces_what_it_would_be_linked_to() {
    for method in ["link", "reflink", "copy", "move"] {
        for threads in ["-j1", "-j4"] {
            let root = scratch();
            lay(
                root.path(),
                "d/a 644 \"X\"\ni1/a 644 \"X\"\ni1/b == i1/a\ni1/z/b == i1/a\ni2/a 644 \"Y2\"",
            );
            let method = format!("--method={method}");
            merge(
                root.path(),
                &["--on-conflict=replace", &method, threads, "i1", "i2", "d"],
            )
            .expect(0);
            let d = root.path().join("d");
            let read = |name: &str| fs::read_to_string(d.join(name)).expect("a file");
            assert_eq!(
                (read("a"), read("b"), read("z/b")),
                ("Y2".into(), "X".into(), "X".into()),
                "{method} {threads}"
            );
            let inode = |name: &str| fs::metadata(d.join(name)).expect("a file").ino();
            assert_eq!(inode("b"), inode("z/b"), "{method}: the group is whole");
        }
    }
}

#[test]
fn a_link_group_is_not_linked_to_what_a_foreign_writer_put_there() {
    need_command("strace", "strace");
    let root = scratch();
    lay(
        root.path(),
        "d/a 644 \"X\"\ni/a 644 \"X\"\ni/b == i/a\nfake 644 \"foreign\"",
    );
    // The journal is written when the plan is made: a foreign writer takes the moment.
    let held = root.path().join("held");
    let mut tool = std::process::Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(&held)
        .args(["--trace=write", "--inject=write:delay_exit=700000:when=1"])
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(["-q", "i", "d"])
        .current_dir(root.path())
        .spawn()
        .expect("strace");
    wait_for(|| has_staging(&root.path().join("d")));
    fs::rename(root.path().join("fake"), root.path().join("d/a")).expect("a rename");
    assert!(tool.wait().expect("the tool ends").success());
    let b = fs::read_to_string(root.path().join("d/b")).expect("a file");
    assert_eq!(b, "X");
}

/// Waits until `it` is so; the test runner's time limit ends a wait that is in vain.
fn wait_for(it: impl Fn() -> bool) {
    while !it() {
        std::thread::yield_now();
    }
}

fn has_staging(dest: &Path) -> bool {
    let mut names = fs::read_dir(dest).expect("a directory");
    names.any(|entry| {
        let name = entry.expect("an entry").file_name();
        name.to_string_lossy().starts_with(".img-merge-")
    })
}

const REPLACE: [&str; 3] = ["-j1", "--method=move", "--on-conflict=replace"];

#[test]
fn after_a_kill_the_last_image_still_wins() {
    need_command("strace", "strace");
    let lay_scene = |root: &Path| {
        lay(
            root,
            "d/same 644 \"one\"\ni1/a 644 \"one\"\ni1/same 644 \"one\"\ni1/sub/c 644 \"one\"\ni1/sub/ 700\n\
             i2/a 644 \"two2\"\ni2/same 644 \"two2\"\ni2/sub/c 644 \"two2\"\ni2/sub/ 755\ni3/sub/c 644 \"two2\"\ni3/sub/x 644 \"x\"\nd/sub/ 711",
        );
    };
    let images = |root: &Path| {
        let there = |name: &&str| root.join(name).exists();
        ["i1", "i2", "i3"].into_iter().filter(there).collect::<Vec<_>>()
    };
    let mut kills = 0;
    for policy in ["keep", "image"] {
        let metadata = format!("--dir-metadata={policy}");
        for call in ["unlinkat", "utimensat", "renameat2", "linkat", "write", "fchmod"] {
            for at in 1.. {
                let root = scratch();
                let root = root.path();
                lay_scene(root);
                let log = root.join("log");
                Tool::new("strace")
                    .args(["-f", "-qq", "-o"])
                    .arg(&log)
                    .arg(format!("--trace={call}"))
                    .arg(format!("--inject={call}:signal=KILL:when={at}"))
                    .arg(env!("CARGO_BIN_EXE_img-merge"))
                    .args(REPLACE)
                    .args([&metadata, "i1", "i2", "i3", "d"])
                    .in_directory(root)
                    .run();
                if !fs::read_to_string(&log).expect("a log").contains("SIGKILL") {
                    break;
                }
                kills += 1;
                let left = images(root);
                if !left.is_empty() {
                    let words = [&REPLACE[..], &[&metadata], &left, &["d"]].concat();
                    merge(root, &words).expect(0);
                }
                let mode = if policy == "keep" { "711" } else { "755" };
                assert_eq!(
                    test_support::listing(&root.join("d")),
                    format!(
                        "a 644 \"two2\"\nsame 644 \"two2\"\nsub/ {mode}\nsub/c 644 \"two2\"\nsub/x 644 \"x\"\n"
                    ),
                    "{policy}: {call} {at}"
                );
                assert!(images(root).is_empty(), "{call} {at}");
            }
        }
    }
    assert!(kills > 30, "{kills}");
}
