//! What the tool promises about odd destinations, dry runs and its summary.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::Path;

use test_support::{Outcome, Tool, lay, listing, scratch};

use crate::merge;

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
fn a_dry_run_for_a_missing_destination_ignores_its_parent() {
    let root = scratch();
    lay(
        root.path(),
        "i/usr/f 644 \"image\"\nj/usr/g 644 \"g\"\nusr/f 644 \"other\"",
    );
    let plan = merge(root.path(), &["--dry-run", "i", "new"]).expect(0);
    assert_eq!(plan.stdout, "make\tnew\nadd\tusr/\ti\n");
    let plan = merge(root.path(), &["--dry-run", "i", "j", "new"]).expect(0);
    assert_eq!(
        plan.stdout,
        "make\tnew\nmake\tusr\nadd\tusr/f\ti\nadd\tusr/g\tj\n"
    );
    lay(root.path(), "i/.img-merge-0123456789abcdef/ 755");
    merge(root.path(), &["--dry-run", "i", "new"]).expect(1);
    assert_eq!(listing(&root.path().join("usr")), "f 644 \"other\"\n");
}

#[test]
fn a_dry_run_of_a_stream_plans_all_records_at_once() {
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
    let record = |(minor, image): (u8, &str)| {
        format!("python3.{minor}\t{}\n", root.path().join(image).display())
    };
    let records = [(11, "a"), (12, "b"), (13, "c"), (14, "d")].map(record);
    let records = records.concat() + "end\t0\n";
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
    let (status, plan, said) = stream(&["--dry-run"]);
    assert_eq!((status, &*plan), (Some(1), ""), "{said}");
    assert!(
        said.contains("merge usr/lib/f: conflict (content)"),
        "{said}"
    );
    let (status, plan, said) = stream(&["--dry-run", "--on-conflict=replace", "--json=out"]);
    let planned = "make\tdest\nadd\topt/\tb\nmake\tusr\nmake\tusr/lib\nsuperseded\tusr/lib/f\ta\n\
        add\tusr/lib/f\tc\nadd\tusr/lib/g\tb\nadd\tusr/lib/h\td\nadd\tusr/lib/s\ta\nsame\tusr/lib/s\tb\n";
    assert_eq!((status, &*plan), (Some(0), planned), "{said}");
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

/// The tool as a user who owns what the test gives him.
fn as_user(root: &Path, words: &[&str]) -> Outcome {
    Tool::new("setpriv")
        .args(["--reuid=1000", "--regid=1000", "--clear-groups"])
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .in_directory(root)
        .run()
}

fn give(path: &Path, user: u32, mode: u32) {
    lchown(path, Some(user), Some(user)).expect("this test gives files away: run it as root");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn an_image_that_we_may_not_remove_is_refused_first() {
    // Of the image's parent, the image, its directory and the file in it: owner and mode.
    let ours = (1000, 0o755);
    for (what, [parent, image, dir, file], refused) in [
        ("all ours", [ours, ours, ours, ours], None),
        (
            "one of root's",
            [ours, ours, (0, 0o755), ours],
            Some("p/i/usr: permission denied"),
        ),
        (
            "a sticky one with ours",
            [ours, ours, (0, 0o1777), (1000, 0o644)],
            None,
        ),
        (
            "its parent is not ours",
            [(0, 0o755), ours, ours, ours],
            Some("p/i: permission denied"),
        ),
        (
            "its parent is sticky",
            [(0, 0o1777), (0, 0o777), ours, ours],
            Some("p/i: operation not permitted"),
        ),
        ("ours, and shut", [ours, ours, (1000, 0o555), ours], None),
    ] {
        let root = scratch();
        lay(
            root.path(),
            "p/i/usr/same 644 \"s\"\np/i/new/a 644 \"a\"\nd/usr/same 644 \"s\"",
        );
        give(root.path(), 1000, 0o755);
        for path in ["p/i/new", "d", "d/usr"] {
            give(&root.path().join(path), 1000, 0o755);
        }
        for path in ["p/i/new/a", "d/usr/same"] {
            give(
                &root.path().join(path),
                if path.starts_with('d') { file.0 } else { 1000 },
                0o644,
            );
        }
        give(&root.path().join("p/i/usr/same"), file.0, 0o644);
        give(&root.path().join("p/i/usr"), dir.0, dir.1);
        give(&root.path().join("p/i"), image.0, image.1);
        give(&root.path().join("p"), parent.0, parent.1);
        let before = listing(root.path());
        let outcome = as_user(root.path(), &["--method=move", "p/i", "d"]);
        match refused {
            Some(cause) => {
                outcome.expect(2).complains(&format!("consume {cause}"));
                assert_eq!(listing(root.path()), before, "{what}");
            }
            None => {
                outcome.expect(0);
                assert!(!root.path().join("p/i").exists(), "{what}");
            }
        }
    }
}

#[test]
fn the_summary_counts_directories_with_new_metadata() {
    let root = scratch();
    lay(
        root.path(),
        "i/usr/f 644 \"f\"\ni/usr/ 750\nd/usr/f 644 \"f\"\nd/usr/ 755",
    );
    let words = ["--dir-metadata=image", "i", "d"];
    let said = merge(root.path(), &words).expect(0).stderr;
    assert!(
        said.contains(": 1 directory given new metadata, 1 name the same"),
        "{said}"
    );
    let said = merge(root.path(), &words).expect(0).stderr;
    assert!(said.contains("nothing changed"), "{said}");
}

#[test]
fn messages_name_the_roots() {
    let root = scratch();
    lay(root.path(), "i/f 644 \"f\"\ni/ 750\nd/ 755");
    merge(root.path(), &["-q", "--dir-metadata=strict", "i", "d"])
        .expect(1)
        .complains("merge .: conflict (mode): i has a directory");
    give(root.path(), 1000, 0o755);
    give(&root.path().join("i"), 1000, 0o755);
    // A directory of root's, where nothing can be made.
    let said = as_user(root.path(), &["i", "d"]).expect(2).stderr;
    assert!(said.contains(" d: permission denied"), "{said}");
}

#[test]
fn two_directories_of_an_image_that_lead_to_one_place_are_joined() {
    let lay_scene = |image: &str| {
        let root = scratch();
        lay(root.path(), image);
        lay(root.path(), "d/lib/ 755\nd/lib64 -> lib");
        root
    };
    let pass = "--keep-directory-symlink";
    let root = lay_scene(
        "i/lib/f 644 \"one\"\ni/lib64/f 644 \"two\"\ni/lib/s 644 \"s\"\ni/lib64/s 644 \"s\"\n\
         i/lib/new/a 644 \"a\"\ni/lib64/new/b 644 \"b\"",
    );
    let before = listing(root.path());
    let said = merge(root.path(), &[pass, "i", "d"]).expect(1).stderr;
    assert!(said.contains("merge lib64/f: conflict (content)"), "{said}");
    assert_eq!(listing(root.path()), before);
    for (policy, won) in [("keep", "one"), ("replace", "two")] {
        for method in ["link", "copy", "move"] {
            let root = lay_scene(
                "i/lib/f 644 \"one\"\ni/lib64/f 644 \"two\"\ni/lib/s 644 \"s\"\ni/lib64/s 644 \"s\"\n\
                 i/lib/new/a 644 \"a\"\ni/lib64/new/b 644 \"b\"",
            );
            let policy = format!("--on-conflict={policy}");
            let method = format!("--method={method}");
            merge(root.path(), &[pass, &policy, &method, "i", "d"]).expect(0);
            assert_eq!(
                listing(&root.path().join("d")),
                format!(
                    "lib/ 755\nlib/f 644 \"{won}\"\nlib/new/ 755\nlib/new/a 644 \"a\"\nlib/new/b 644 \"b\"\nlib/s 644 \"s\"\nlib64 -> lib\n"
                ),
                "{policy} {method}"
            );
            assert_eq!(root.path().join("i").exists(), method != "--method=move");
        }
    }
}
