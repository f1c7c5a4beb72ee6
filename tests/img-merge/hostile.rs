//! A destination that works against us.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use test_support::{lay, meanwhile, scratch};

use crate::merge;
use crate::snapshot::{assert_same, contents, snapshot};

/// Exchanges `dir` and a link in a loop while `work` runs.
fn while_swapping(dir: &Path, link: &Path, work: impl FnOnce()) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let swap = || renameat_with(CWD, dir, CWD, link, RenameFlags::EXCHANGE).expect("the swap");
    meanwhile(swap, work);
}

/// Merges under attack, for each method and policy.
const ROUNDS: u32 = 10;

#[test]
fn a_link_that_is_swapped_in_leads_nowhere() {
    for method in ["link", "copy", "reflink", "move"] {
        for policy in ["error", "replace"] {
            let root = scratch();
            let outside = root.path().join("outside");
            lay(&outside, "lib/f0 600 \"precious\"\nlib/sub/ 700");
            let (dest, aside) = (root.path().join("dest"), root.path().join("dest/aside"));
            lay(&dest, "usr/lib/sub/ 755\nusr/lib/f0 644 \"0\"");
            symlink(outside.join("lib"), &aside).expect("a link");
            let before = snapshot(&outside);
            let (mut done, mut refused) = (0, 0);
            while_swapping(&dest.join("usr/lib"), &aside, || {
                for _ in 0..ROUNDS {
                    let image = root.path().join("image");
                    let lines = (0..6).map(|f| {
                        format!("usr/lib/f{f} 644 \"{f}\"\nusr/lib/sub/g{f} 644 \"{f}\"\nusr/lib/new{f}/x 644 \"x\"")
                    });
                    lay(&image, &lines.collect::<Vec<_>>().join("\n"));
                    let word = format!("--method={method}");
                    let policy = format!("--on-conflict={policy}");
                    let outcome = merge(root.path(), &[&word, &policy, "image", "dest"]);
                    match outcome.status {
                        Some(0) => done += 1,
                        Some(1 | 2) => refused += 1,
                        other => panic!("{other:?}: {}", outcome.stderr),
                    }
                }
            });
            assert_same(&snapshot(&outside), &before, method);
            assert_eq!(done + refused, ROUNDS);
        }
    }
}

#[test]
fn a_link_in_the_destination_is_replaced_and_never_followed() {
    for method in ["link", "copy", "reflink", "move"] {
        let root = scratch();
        lay(&root.path().join("image"), "usr/bin/foo 755 \"new\"");
        lay(
            &root.path().join("dest"),
            "usr/bin/python-exec2 755 \"precious\"\nusr/bin/foo -> python-exec2",
        );
        let word = format!("--method={method}");
        let refused = merge(root.path(), &[&word, "image", "dest"])
            .expect(1)
            .stderr;
        assert!(refused.contains("conflict (type)"), "{refused}");
        merge(
            root.path(),
            &[&word, "--on-conflict=replace", "image", "dest"],
        )
        .expect(0);
        assert_eq!(
            test_support::listing(&root.path().join("dest")),
            "usr/ 755\nusr/bin/ 755\nusr/bin/foo 755 \"new\"\nusr/bin/python-exec2 755 \"precious\"\n"
        );
    }
}

#[test]
fn a_directory_passes_through_a_link_only_with_the_option_and_beneath() {
    let root = scratch();
    lay(&root.path().join("image"), "usr/lib/x 644 \"x\"");
    lay(
        &root.path().join("dest"),
        "usr/lib64/ 755\nusr/lib -> lib64",
    );
    let refused = merge(root.path(), &["image", "dest"]).expect(1).stderr;
    assert!(refused.contains("conflict (through-symlink)"), "{refused}");
    merge(root.path(), &["--keep-directory-symlink", "image", "dest"]).expect(0);
    assert!(root.path().join("dest/usr/lib64/x").exists());
    lay(&root.path().join("outside"), "y 600 \"y\"");
    fs::remove_file(root.path().join("dest/usr/lib")).expect("the link");
    symlink("../../outside", root.path().join("dest/usr/lib")).expect("a link");
    merge(root.path(), &["--keep-directory-symlink", "image", "dest"]).expect(1);
    assert_eq!(contents(&root.path().join("outside")).len(), 1);
}

#[test]
fn images_and_destination_may_not_overlap() {
    let root = scratch();
    lay(
        root.path(),
        "image/usr/x 644 \"x\"\nother/ 755\nto -> image",
    );
    let before = snapshot(root.path());
    for words in [
        &["image", "image"][..],
        &["image", "to"],
        &["to", "image"],
        &["image", "image/usr"],
        &["image/usr", "image"],
        &["image", "image/new"],
        &["image", "to", "other"],
        &["image", "image/usr", "other"],
    ] {
        for method in ["--method=link", "--method=move"] {
            let outcome = merge(root.path(), &[&["-q", method], words].concat()).expect(2);
            assert!(!outcome.stderr.is_empty());
            assert_same(
                &contents(root.path()),
                &without_root(&before),
                &format!("{words:?}"),
            );
        }
    }
}

fn without_root(tree: &crate::snapshot::Snapshot) -> crate::snapshot::Snapshot {
    let mut tree = tree.clone();
    tree.remove(Path::new(""));
    tree
}

#[test]
fn an_image_with_a_temporary_name_of_ours_is_refused() {
    let root = scratch();
    lay(
        &root.path().join("image"),
        ".img-merge-0123456789abcdef/x 644 \"x\"",
    );
    merge(root.path(), &["-q", "image", "dest"])
        .expect(1)
        .complains("img-merge reserves such names");
    lay(
        &root.path().join("deep"),
        "usr/.img-merge-0123456789abcdef/x 644 \"x\"",
    );
    merge(root.path(), &["deep", "dest"]).expect(0);
    assert!(
        root.path()
            .join("dest/usr/.img-merge-0123456789abcdef/x")
            .exists()
    );
}

#[test]
fn a_staging_of_another_user_is_left_alone() {
    let root = scratch();
    lay(&root.path().join("image"), "usr/x 644 \"x\"");
    let foreign = root.path().join("dest/.img-merge-0123456789abcdef");
    lay(&foreign, "x 644 \"x\"\n./ 700");
    std::os::unix::fs::chown(&foreign, Some(1000), None).expect("chown: this test runs as root");
    merge(root.path(), &["image", "dest"]).expect(0);
    assert!(foreign.join("x").exists());
}
