//! What the command line answers before any work is done.

use test_support::{Tool, lay, scratch};

#[test]
fn it_answers_as_every_tool_does() {
    test_support::usage::assert_usual(env!("CARGO_BIN_EXE_img-merge"), "img-merge", 2);
}

#[test]
fn a_plan_has_no_manifest() {
    let root = scratch();
    lay(&root.path().join("image"), "file 644 \"x\"\n");
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .in_directory(root.path())
        .args(["--dry-run", "--manifest=list", "image", "dest"])
        .run()
        .expect(2)
        .complains("'--dry-run' cannot be used with '--manifest <FILE>'");
    assert!(!root.path().join("list").exists());
}

#[test]
fn a_stream_with_a_failure_is_named_in_words() {
    let root = scratch();
    Tool::new("sh")
        .in_directory(root.path())
        .args(["-c", "printf 'end\\t3\\n' | \"$0\" --images-from=- dest"])
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .run()
        .expect(2)
        .complains("img-merge: read records from standard input: it ended with status 3");
}

#[test]
fn one_file_is_not_written_twice() {
    let root = scratch();
    lay(&root.path().join("image"), "file 644 \"x\"\n");
    let run = |words: [&str; 2]| {
        Tool::new(env!("CARGO_BIN_EXE_img-merge"))
            .in_directory(root.path())
            .args(words)
            .args(["-q", "image", "dest"])
            .run()
    };
    run(["--json=out", "--manifest=./out"])
        .expect(2)
        .complains("img-merge: write ./out: --json and --manifest name the same file");
    assert!(!root.path().join("out").exists() && !root.path().join("dest").exists());
    run(["--json=/dev/null", "--manifest=/dev/null"]).expect(0);
}

#[test]
fn help_names_the_most_threads() {
    let help = Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .arg("--help")
        .run();
    let words: Vec<&str> = help.stdout.split_whitespace().collect();
    assert!(
        words
            .join(" ")
            .contains("one for each CPU we may use, eight at most")
    );
}

#[test]
fn an_empty_argument_is_named_by_its_place() {
    for words in [&["image", ""][..], &[]] {
        Tool::new(env!("CARGO_BIN_EXE_img-merge"))
            .args(words)
            .run()
            .expect(2)
            .complains("<IMAGE|DEST>");
    }
}
