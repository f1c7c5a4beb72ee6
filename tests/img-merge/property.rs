//! Random trees merged by every method, beside a model that knows nothing of how it is done, and beside
//! GNU cp where cp is right.
//!
//! `IMG_MERGE_CASES=2000 cargo test -p img-merge property` runs more cases than the default.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use test_support::{Outcome, Tool, scratch};

use crate::random_tree::{Node, lay, tree};
use crate::snapshot::{Entry, Kind, Snapshot, assert_same, contents, snapshot};

const METHODS: [&str; 4] = ["link", "reflink", "copy", "move"];

fn cases() -> ProptestConfig {
    let cases = std::env::var("IMG_MERGE_CASES").ok();
    ProptestConfig {
        cases: cases.and_then(|n| n.parse().ok()).unwrap_or(24),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/img-merge/property.regressions"
        )))),
        ..ProptestConfig::default()
    }
}

fn merge(root: &Path, words: &[&str]) -> Outcome {
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .args(["image", "dest"])
        .in_directory(root)
        .run()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_missing_destination_becomes_the_image(nodes in tree()) {
        for method in METHODS {
            let root = scratch();
            let (image, dest) = (root.path().join("image"), root.path().join("dest"));
            lay(&image, &nodes);
            let expected = snapshot(&image);
            let word = format!("--method={method}");
            merge(root.path(), &[&word]).expect(0);
            assert_same(&snapshot(&dest), &expected, method);
            if let Some(flags) = cp_like(method) {
                let copied = root.path().join("copied");
                prop_assert_eq!(cp(&[flags, "-T"], &image, &copied), "");
                assert_same(&snapshot(&dest), &snapshot(&copied), &format!("cp {flags}"));
                std::fs::remove_dir_all(&copied).unwrap();
            }
            if method == "move" {
                prop_assert!(!image.exists());
                lay(&image, &nodes);
            } else {
                assert_same(&snapshot(&image), &expected, "the image");
            }
            let again = merge(root.path(), &[&word, "-v"]).expect(0);
            prop_assert!(again.stderr.contains("nothing changed"), "{}", again.stderr);
            if method != "move" {
                assert_same(&snapshot(&dest), &expected, "the second run");
            }
            prop_assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), if method == "move" { 1 } else { 2 });
        }
    }

    #[test]
    fn what_is_new_and_what_is_kept_is_what_cp_gives(nodes in tree(), others in tree()) {
        for method in METHODS {
            if let Some(flags) = cp_like(method) {
                beside_cp(method, flags, &nodes, &others);
            }
        }
    }

    #[test]
    fn two_trees_are_joined_or_nothing_changes(nodes in tree(), others in tree()) {
        for method in METHODS {
            for policy in ["error", "keep", "replace"] {
                join(method, policy, &nodes, &others);
            }
        }
    }
}

/// What is the same of cp.
fn cp_like(method: &str) -> Option<&'static str> {
    match method {
        "link" => Some("-aln"),
        "copy" => Some("-an"),
        _ => None,
    }
}

/// What cp complains of.
fn cp(words: &[&str], from: &Path, to: &Path) -> String {
    let output = Command::new("cp").args(words).args([from, to]).output();
    String::from_utf8_lossy(&output.expect("cp").stderr).into_owned()
}

/// cp is wrong about the directories of both sides and about set-gid, and stops at what is a directory on one of them only, and
/// at a file where there is a link to nothing.
fn beside_cp(method: &str, flags: &str, nodes: &[Node], others: &[Node]) {
    let root = scratch();
    let (image, dest) = (root.path().join("image"), root.path().join("dest"));
    lay(&image, nodes);
    lay(&dest, others);
    let (new, old) = (snapshot(&image), snapshot(&dest));
    let copied = root.path().join("copied");
    assert_eq!(cp(&["-aT"], &dest, &copied), "");
    let follows = |(path, entry): (&PathBuf, &Entry)| {
        let is_link = |entry: &Entry| matches!(entry.kind, Kind::Symlink(_));
        !is_link(entry) && old.get(path).is_some_and(is_link)
    };
    if model(&new, &old, "replace").is_none() || new.iter().any(follows) {
        return;
    }
    assert_eq!(cp(&[flags, "-T"], &image, &copied), "");
    let words = [&*format!("--method={method}"), "--on-conflict=keep"];
    merge(root.path(), &words).expect(0);
    let groups = split_groups(&new, &old);
    let strip = |tree: Snapshot| -> Snapshot {
        let kept = tree.into_iter().filter(|(path, entry)| {
            let of_both = entry.kind == Kind::Directory && old.contains_key(path);
            !of_both && !groups.contains(path)
        });
        // cp leaves a new directory the set-gid bit of the one that it makes it in.
        let inherits = |path: &Path| {
            let mut above = path.ancestors().skip(1).filter_map(|dir| old.get(dir));
            above.any(|entry| entry.mode & 0o2000 != 0)
        };
        kept.map(|(path, mut entry)| {
            if entry.kind == Kind::Directory && inherits(&path) {
                entry.mode &= !0o2000;
            }
            (path, entry)
        })
        .collect()
    };
    let what = format!("cp {flags}");
    assert_same(&strip(snapshot(&dest)), &strip(snapshot(&copied)), &what);
}

fn join(method: &str, policy: &str, nodes: &[Node], others: &[Node]) {
    let root = scratch();
    let (image, dest) = (root.path().join("image"), root.path().join("dest"));
    lay(&image, nodes);
    lay(&dest, others);
    let (new, old) = (snapshot(&image), snapshot(&dest));
    let words = [
        &*format!("--method={method}"),
        &*format!("--on-conflict={policy}"),
    ];
    let what = format!("{method}, {policy}");
    let outcome = merge(root.path(), &words);
    let Some(expected) = model(&new, &old, policy) else {
        outcome.expect(1);
        assert_same(&snapshot(&dest), &old, &what);
        assert_same(&snapshot(&image), &new, &what);
        return;
    };
    outcome.expect(0);
    assert_eq!(image.exists(), method != "move", "{what}");
    let groups = split_groups(&new, &old);
    let strip = |tree: &Snapshot| -> Snapshot {
        let cleared = |(path, entry): (&PathBuf, &Entry)| {
            let mut entry = entry.clone();
            // Which of several equal names a group is joined to is not the model's to say.
            if groups.contains(path) {
                entry.modified = (0, 0);
            }
            entry.group = None;
            (path.clone(), entry)
        };
        tree.iter().map(cleared).collect()
    };
    assert_same(&strip(&snapshot(&dest)), &strip(&expected), &what);
    if method != "move" {
        assert_same(&snapshot(&image), &new, &what);
    }
}

/// What the destination is to be; nothing if conflicts stand.
fn model(new: &Snapshot, old: &Snapshot, policy: &str) -> Option<Snapshot> {
    let mut joined = old.clone();
    let mut given_up: Vec<&Path> = Vec::new();
    for (path, entry) in new {
        if given_up.iter().any(|above| path.starts_with(above)) {
            continue;
        }
        let Some(held) = old.get(path) else {
            joined.insert(path.clone(), entry.clone());
            continue;
        };
        let dirs = [held, entry].map(|entry| entry.kind == Kind::Directory);
        if dirs == [true, true] {
            let mut kept = held.clone();
            kept.modified = held.modified.max(entry.modified);
            joined.insert(path.clone(), kept);
        } else if !equal(entry, held) {
            match policy {
                "keep" => given_up.push(path),
                "replace" if dirs == [false, false] => {
                    joined.insert(path.clone(), entry.clone());
                }
                _ => return None,
            }
        }
    }
    Some(joined)
}

fn equal(a: &Entry, b: &Entry) -> bool {
    let mode = matches!(a.kind, Kind::Symlink(_)) || a.mode == b.mode;
    mode && a.kind == b.kind && (a.uid, a.gid) == (b.uid, b.gid) && a.xattrs == b.xattrs
}

/// The names of link groups of which the destination holds one.
fn split_groups(new: &Snapshot, old: &Snapshot) -> BTreeSet<PathBuf> {
    let members = |first: &PathBuf| -> Vec<&PathBuf> {
        let of_group = |(_, entry): &(&PathBuf, &Entry)| entry.group.as_ref() == Some(first);
        new.iter().filter(of_group).map(|(path, _)| path).collect()
    };
    let firsts: BTreeSet<_> = new
        .values()
        .filter_map(|entry| entry.group.as_ref())
        .collect();
    let groups = firsts.into_iter().map(members);
    let held = groups.filter(|group| group.iter().any(|path| old.contains_key(*path)));
    held.flatten().cloned().collect()
}

#[test]
fn an_empty_destination_gets_the_contents_and_keeps_its_own_mode() {
    let root = scratch();
    let (image, dest) = (root.path().join("image"), root.path().join("dest"));
    test_support::lay(&image, "usr/bin/x 755 \"x\"");
    test_support::lay(&dest, "./ 700");
    let expected = contents(&image);
    merge(root.path(), &[]).expect(0);
    assert_same(&contents(&dest), &expected, "link");
    assert_eq!(snapshot(&dest)[Path::new("")].mode, 0o700);
}
