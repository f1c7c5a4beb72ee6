//! What is said: the summary, JSON, the manifest, the plan, the man page.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use test_support::{Tool, lay, listing, manual, need_command, scratch};

use crate::merge;

const IMAGE: &str = r#"
    usr/bin/tool 755 "new"
    usr/share/same 644 "s"
    usr/lib/pkg/a 644 "a"
    usr/lib/pkg/b -> a
"#;
const DEST: &str = r#"
    usr/bin/tool 755 "old"
    usr/share/same 644 "s"
    usr/lib/mine 644 "m"
"#;

#[test]
fn every_option_is_in_the_man_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../man/img-merge.1");
    manual::assert_options_match(env!("CARGO_BIN_EXE_img-merge"), &page);
}

#[test]
fn json_has_each_path_and_ends_with_a_summary() {
    // A directory that is moved whole counts as one tree, not by its files.
    for (method, files) in [("link", 3), ("move", 1)] {
        let root = scratch();
        lay(&root.path().join("image"), IMAGE);
        lay(&root.path().join("dest"), DEST);
        let word = format!("--method={method}");
        let words = [
            &*word,
            "-q",
            "--on-conflict=replace",
            "--json=out",
            "image",
            "dest",
        ];
        // DEST loses a file, so -q does not silence it.
        merge(root.path(), &words)
            .expect(0)
            .complains("; replaced the latter");
        let text = fs::read_to_string(root.path().join("out")).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(lines.iter().all(|line| line["schema"] == 1));
        let of = |path: &str| {
            lines
                .iter()
                .find(|l| l["event"] == "path" && l["path"] == path)
                .unwrap()
        };
        assert_eq!(of("usr/bin/tool")["action"], "replaced");
        assert_eq!(of("usr/share/same")["action"], "same");
        assert_eq!(of("usr/lib/pkg")["type"], "directory");
        let conflict = lines.iter().find(|l| l["event"] == "conflict").unwrap();
        assert_eq!(
            (&conflict["class"], &conflict["decision"]),
            (&"content".into(), &"replaced".into())
        );
        let summary = lines.last().unwrap();
        assert_eq!(summary["event"], "summary");
        assert_eq!(summary["files"], files, "{method}: {summary}");
        assert_eq!(summary["status"], 0);
    }
}

#[test]
fn the_manifest_is_accepted_by_mtree_and_bsdtar() {
    need_command("mtree", "mtree-netbsd");
    need_command("bsdtar", "libarchive-tools");
    for method in ["--method=link", "--method=move"] {
        let root = scratch();
        lay(&root.path().join("image"), IMAGE);
        fs::write(root.path().join("image/usr/odd \n#name"), "x").unwrap();
        merge(root.path(), &[method, "--manifest=m", "image", "dest"]).expect(0);
        let check = |expected: bool| {
            let output = Command::new("mtree")
                .args(["-p", "dest", "-f", "m"])
                .current_dir(root.path())
                .output();
            let output = output.expect("mtree");
            let said = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.success(), expected, "{method}: {said}");
        };
        check(true);
        let archive = Command::new("bsdtar")
            .args(["-cf", "a.tar", "-C", "dest", "@../m"])
            .current_dir(root.path())
            .status();
        assert!(archive.expect("bsdtar").success());
        fs::create_dir(root.path().join("again")).unwrap();
        let unpacked = Command::new("bsdtar")
            .args(["-xpf", "a.tar", "-C", "again"])
            .current_dir(root.path())
            .status();
        assert!(unpacked.expect("bsdtar").success());
        assert_eq!(
            listing(&root.path().join("again")),
            listing(&root.path().join("dest"))
        );
        fs::write(root.path().join("dest/usr/bin/tool"), "bad").unwrap();
        check(false);
    }
}

#[test]
fn a_dry_run_prints_the_plan_and_changes_nothing() {
    let root = scratch();
    lay(&root.path().join("image"), IMAGE);
    lay(&root.path().join("dest"), DEST);
    let before = listing(root.path());
    let plan = merge(
        root.path(),
        &["--dry-run", "--on-conflict=replace", "image", "dest"],
    )
    .expect(0);
    assert_eq!(
        plan.stdout,
        "replace\tusr/bin/tool\timage\nadd\tusr/lib/pkg/\timage\nsame\tusr/share/same\timage\n"
    );
    assert_eq!(plan.stderr, "");
    merge(root.path(), &["--dry-run", "image", "dest"]).expect(1);
    let missing = merge(root.path(), &["--dry-run", "image", "none"]).expect(0);
    assert_eq!(missing.stdout, "make\tnone\nadd\tusr/\timage\n");
    assert_eq!(listing(root.path()), before);
}

#[test]
fn the_number_of_threads_changes_neither_result_nor_report() {
    let run = |jobs: &str| {
        let root = scratch();
        let mut text = String::from(IMAGE);
        for n in 0..40 {
            text.push_str("usr/lib/pkg");
            text.push_str(&n.to_string());
            text.push_str("/x 644 \"x\"\n");
        }
        lay(&root.path().join("image"), &text);
        lay(&root.path().join("dest"), DEST);
        let said = merge(
            root.path(),
            &[jobs, "-v", "-n", "--json=out", "image", "dest"],
        )
        .expect(0)
        .stderr;
        let json = fs::read_to_string(root.path().join("out")).unwrap();
        (said, json, listing(&root.path().join("dest")))
    };
    assert_eq!(run("-j1"), run("-j8"));
}

#[test]
fn the_first_refusal_stops_a_stream_and_names_what_was_merged() {
    let root = scratch();
    for (image, text) in [
        ("a", "usr/a 644 \"a\""),
        ("b", "usr/a 644 \"b\""),
        ("c", "usr/c 644 \"c\""),
    ] {
        lay(&root.path().join(image), text);
    }
    let record = |minor: u8, image: &str| {
        format!("python3.{minor}\t{}\n", root.path().join(image).display())
    };
    let records = record(11, "a") + &record(12, "b") + &record(13, "c") + "end\t0\n";
    let stream = |words: &[&str], records: &str| {
        Tool::new(env!("CARGO_BIN_EXE_img-merge"))
            .args(words)
            .args(["--images-from=-", "dest"])
            .in_directory(root.path())
            .stdin(records)
            .run()
    };
    stream(&["--all-or-nothing"], &records).expect(1);
    assert!(!root.path().join("dest").exists());
    stream(&["--all-or-nothing"], &(record(11, "a") + "end\t1\n")).expect(2);
    assert!(!root.path().join("dest").exists());
    let said = stream(&[], &records).expect(1).stderr;
    assert!(
        said.contains(&format!("merged: {}", root.path().join("a").display())),
        "{said}"
    );
    assert_eq!(
        listing(&root.path().join("dest")),
        "usr/ 755\nusr/a 644 \"a\"\n"
    );
    let all = record(11, "a") + &record(13, "c");
    stream(&["-q"], &(all.clone() + "end\t4\n"))
        .expect(2)
        .complains("it ended with status 4");
    stream(&["--no-end", "--all-or-nothing"], &all).expect(0);
    assert!(root.path().join("dest/usr/c").exists());
}

#[test]
fn bad_input_is_one_line() {
    let root = scratch();
    lay(
        root.path(),
        "image/usr/x 644 \"x\"\nfile 644 \"\"\ndest/ 755",
    );
    for (words, said) in [
        (
            &["gone", "dest"][..],
            "open image gone: no such file or directory",
        ),
        (&["image", "file"], "file: not a directory"),
        (&["file", "dest"], "open image file: not a directory"),
        (
            &["image", "gone/dest"],
            "gone/dest: no such file or directory",
        ),
        (&["image", "image", "dest"], "named twice"),
        (&["dest"], "no image"),
        (
            &["--images-from=-", "image", "dest"],
            "cannot be used together",
        ),
        (
            &["--images-from=gone", "dest"],
            "open gone: no such file or directory",
        ),
        (
            &["--json=gone/x", "image", "dest"],
            "create gone/x: no such file",
        ),
        (&["--all-or-nothing", "image", "dest"], "--images-from"),
    ] {
        merge(root.path(), words).expect(2).complains(said);
    }
    assert_eq!(listing(&root.path().join("dest")), "");
}

#[test]
fn no_rollback_leaves_a_failed_merge() {
    let root = scratch();
    need_command("strace", "strace");
    lay(
        &root.path().join("image"),
        "usr/a 644 \"a\"\nusr/b 644 \"b\"",
    );
    lay(&root.path().join("dest"), "usr/ 755");
    let inject = [
        "-f",
        "-qq",
        "-o",
        "log",
        "--trace=linkat",
        "--inject=linkat:error=EIO:when=2",
    ];
    for (word, left) in [("--no-rollback", 1), ("-j1", 0)] {
        Tool::new("strace")
            .args(inject)
            .arg(env!("CARGO_BIN_EXE_img-merge"))
            .args(
                ["-j1", word, "image", "dest"]
                    .iter()
                    .skip(usize::from(word == "-j1")),
            )
            .in_directory(root.path())
            .run()
            .expect(2);
        assert_eq!(
            fs::read_dir(root.path().join("dest/usr")).unwrap().count(),
            left,
            "{word}"
        );
        assert_eq!(
            fs::read_dir(root.path().join("dest")).unwrap().count(),
            1,
            "{word}"
        );
        fs::remove_dir_all(root.path().join("dest")).unwrap();
        lay(&root.path().join("dest"), "usr/ 755");
    }
}

#[test]
fn sync_and_no_lock_merge_the_same() {
    let root = scratch();
    lay(&root.path().join("image"), IMAGE);
    merge(root.path(), &["--sync", "--no-lock", "image", "dest"]).expect(0);
    assert_eq!(
        listing(&root.path().join("dest")),
        listing(&root.path().join("image"))
    );
}

/// Runs `command` with a terminal of its own and gives all that it showed.
fn on_a_terminal(root: &Path, command: &str, no_color: &str) -> String {
    need_command("script", "bsdutils");
    let run = Tool::new("script")
        .args(["-qefc", command, "/dev/null"])
        .in_directory(root)
        .env("TERM", "xterm")
        .env("NO_COLOR", no_color)
        .run()
        .expect(0);
    run.stdout
}

#[test]
fn a_long_merge_shows_on_a_terminal_how_far_it_is() {
    need_command("strace", "strace");
    let root = scratch();
    let files = |n: u32| format!("f{n} 644 \"x\"\n");
    lay(
        &root.path().join("image"),
        &(0..60).map(files).collect::<String>(),
    );
    // Each link takes 40 ms, so that the whole takes more than the second after which the line comes.
    let slow = "strace -f -qq -o /dev/null -e trace=linkat -e inject=linkat:delay_exit=40000";
    let tool = env!("CARGO_BIN_EXE_img-merge");
    let merge = |dest: &str| format!("{slow} {tool} image {dest}");

    let shown = on_a_terminal(root.path(), &merge("a"), "");
    let lines: Vec<&str> = shown.split("\r\x1b[K").collect();
    assert!(
        lines.len() > 2 && lines[1].contains(" files, "),
        "{shown:?}"
    );
    let last = lines.last().expect("a last line");
    assert!(last.starts_with("img-merge: merged "), "{shown:?}");

    let shown = on_a_terminal(root.path(), &merge("b"), "1");
    assert!(
        !shown.contains('\x1b') && shown.starts_with("img-merge: merged "),
        "{shown:?}"
    );
    let quick = on_a_terminal(root.path(), &format!("{tool} image c"), "");
    assert!(quick.starts_with("img-merge: merged "), "{quick:?}");
}

#[test]
fn the_top_directory_has_a_name_under_verbose() {
    let root = scratch();
    lay(&root.path().join("image"), IMAGE);
    lay(&root.path().join("dest"), "usr/lib/mine 644 \"m\"");
    let said = merge(root.path(), &["-v", "image", "dest"])
        .expect(0)
        .stderr;
    assert!(said.contains("img-merge: joined . of image\n"), "{said}");
}

#[test]
fn reports_are_appended_to_an_inherited_file() {
    let root = scratch();
    lay(&root.path().join("image"), IMAGE);
    let line = "{ echo before; \"$@\"; echo after; } > out 3> sums; echo after >> sums";
    let mut shell = Command::new("sh");
    shell.args(["-c", line, "sh", env!("CARGO_BIN_EXE_img-merge"), "-q"]);
    shell.args([
        "--json=/dev/stdout",
        "--manifest=/dev/fd/3",
        "image",
        "dest",
    ]);
    assert!(shell.current_dir(root.path()).status().unwrap().success());
    let left = |name| fs::read_to_string(root.path().join(name)).unwrap();
    let out = left("out");
    assert!(
        out.starts_with("before\n{") && out.ends_with("}\nafter\n"),
        "{out}"
    );
    let sums = left("sums");
    assert!(
        sums.starts_with("#mtree\n") && sums.ends_with("\nafter\n"),
        "{sums}"
    );
}

#[test]
fn a_run_that_cannot_begin_leaves_the_files_of_the_one_before() {
    let root = scratch();
    fs::write(root.path().join("out"), "old").unwrap();
    lay(&root.path().join("image"), IMAGE);
    merge(
        root.path(),
        &["--json=out", "--manifest=/nonexistent/m", "image", "dest"],
    )
    .expect(2);
    assert_eq!(fs::read_to_string(root.path().join("out")).unwrap(), "old");
}
