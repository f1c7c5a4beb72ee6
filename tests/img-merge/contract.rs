//! What the tool promises about odd destinations, dry runs and its summary.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use test_support::{Outcome, Tool, lay, listing, scratch};

fn merge(root: &Path, words: &[&str]) -> Outcome {
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .in_directory(root)
        .run()
}

/// As `merge`, but for a program that may never end.
fn merge_in_time(root: &Path, words: &[&str]) -> Outcome {
    Tool::new("timeout")
        .args(["20", env!("CARGO_BIN_EXE_img-merge")])
        .args(words)
        .in_directory(root)
        .run()
}

#[test]
fn a_destination_that_is_a_dangling_link_is_refused() {
    let root = scratch();
    lay(root.path(), "i/f 644 \"f\"");
    symlink("gone", root.path().join("d")).unwrap();
    for words in [&["i", "d"][..], &["--dry-run", "i", "d"], &["i", "d/"]] {
        merge_in_time(root.path(), words)
            .expect(2)
            .complains("it is a symbolic link that leads nowhere");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }
}

#[test]
fn a_dry_run_for_a_missing_destination_does_not_look_at_its_parent() {
    let root = scratch();
    lay(
        root.path(),
        "i/usr/f 644 \"image\"\nj/usr/g 644 \"g\"\nusr/f 644 \"other\"",
    );
    let plan = merge(root.path(), &["--dry-run", "i", "new"]).expect(0);
    assert_eq!(plan.stdout, "make\tnew\nbring\tusr/\ti\n");
    let plan = merge(root.path(), &["--dry-run", "i", "j", "new"]).expect(0);
    assert_eq!(
        plan.stdout,
        "make\tnew\nmake\tusr\nbring\tusr/f\ti\nbring\tusr/g\tj\n"
    );
    lay(root.path(), "i/.img-merge-0123456789abcdef/ 755");
    merge(root.path(), &["--dry-run", "i", "new"]).expect(1);
    assert_eq!(listing(&root.path().join("usr")), "f 644 \"other\"\n");
}

#[test]
fn a_dry_run_of_a_stream_knows_the_records_before() {
    let root = scratch();
    for (image, text) in [
        ("a", "usr/lib/f 644 \"one\"\nusr/lib/s 644 \"s\""),
        (
            "b",
            "usr/lib/g 644 \"g\"\nusr/lib/s 644 \"s\"\nopt/b 644 \"b\"",
        ),
        ("c", "usr/lib/f 644 \"two\""),
        ("d", "usr/lib/h 644 \"h\""),
    ] {
        lay(&root.path().join(image), text);
    }
    let mut records = String::new();
    for (minor, image) in [(11, "a"), (12, "b"), (13, "c"), (14, "d")] {
        let path = root.path().join(image);
        records.push_str(&format!("python3.{minor}\t{}\n", path.display()));
    }
    records.push_str("end\t0\n");
    let stream = |words: &[&str]| {
        let outcome = Tool::new(env!("CARGO_BIN_EXE_img-merge"))
            .args(words)
            .args(["--images-from=-", "dest"])
            .in_directory(root.path())
            .stdin(records.clone())
            .run();
        let here = format!("{}/", root.path().display());
        (
            outcome.status,
            outcome.stdout.replace(&here, ""),
            outcome.stderr,
        )
    };
    let first =
        "make\tdest\nbring\tusr/\ta\nbring\topt/\tb\nbring\tusr/lib/g\tb\nsame\tusr/lib/s\tb\n";
    let (status, plan, said) = stream(&["--dry-run"]);
    assert_eq!((status, &*plan), (Some(1), first), "{said}");
    assert!(
        said.contains("merge usr/lib/f: conflict (content)"),
        "{said}"
    );
    let (status, plan, said) = stream(&["--dry-run", "--on-conflict=replace", "--json=out"]);
    let rest = "replace\tusr/lib/f\tc\nbring\tusr/lib/h\td\n";
    assert_eq!(
        (status, plan),
        (Some(0), format!("{first}{rest}")),
        "{said}"
    );
    let json = fs::read_to_string(root.path().join("out")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&summary["images"], &summary["same"]),
        (&4.into(), &1.into())
    );
    assert!(!root.path().join("dest").exists());
    // A real run agrees.
    assert_eq!(stream(&["-q"]).0, Some(1));
}
