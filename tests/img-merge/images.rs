//! Several images of one transaction that meet in one name.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use test_support::patience::{self, until};
use test_support::{Tool, lay, need_command, scratch};

use crate::disk::{Disk, Format};
use crate::merge;
use crate::moment::while_held;

#[test]
fn a_link_group_never_gets_the_content_of_a_replacement() {
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
fn a_link_group_is_not_linked_to_a_foreign_file() {
    need_command("strace", "strace");
    let root = scratch();
    lay(
        root.path(),
        "d/a 644 \"X\"\ni/a 644 \"X\"\ni/b == i/a\nfake 644 \"foreign\"",
    );
    // The journal is written when the plan is made: a foreign writer takes the moment.
    let held = root.path().join("held");
    let tool = Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(&held)
        .args(["--trace=write", "--inject=write:delay_exit=700000:when=1"])
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(["-q", "i", "d"])
        .current_dir(root.path())
        .spawn()
        .expect("strace");
    until("the staging is there", || {
        has_staging(&root.path().join("d"))
    });
    fs::rename(root.path().join("fake"), root.path().join("d/a")).expect("a rename");
    assert!(patience::end(tool, "the merge").status.success());
    let b = fs::read_to_string(root.path().join("d/b")).expect("a file");
    assert_eq!(b, "X");
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
        ["i1", "i2", "i3"]
            .into_iter()
            .filter(there)
            .collect::<Vec<_>>()
    };
    let mut kills = 0;
    for policy in ["keep", "image"] {
        let metadata = format!("--dir-metadata={policy}");
        for call in [
            "unlinkat",
            "utimensat",
            "renameat2",
            "linkat",
            "write",
            "fchmod",
        ] {
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

#[test]
fn a_late_file_in_a_copied_image_is_not_removed() {
    let disk = Disk::new(Format::Tmpfs);
    let root = scratch();
    let image = disk.path().join("image");
    lay(
        &image,
        "sub/a 644 \"a\"\nsub/deep/b 644 \"b\"\nfile 644 \"f\"",
    );
    let outcome = while_held(
        root.path(),
        "unlinkat:delay_enter=500000:when=1",
        &["--method=move", &image.display().to_string(), "d"],
        || {
            fs::write(image.join("sub/deep/late"), "late").expect("a file");
            fs::write(image.join("sub/late"), "late").expect("a file");
        },
    );
    let said = outcome.expect(2).stderr;
    assert!(
        said.contains("it was changed after the merge was planned"),
        "{said}"
    );
    assert_eq!(
        test_support::listing(&image),
        "sub/ 755\nsub/deep/ 755\nsub/deep/late 644 \"late\"\nsub/late 644 \"late\"\n"
    );
    assert_eq!(
        test_support::listing(&root.path().join("d")),
        "file 644 \"f\"\nsub/ 755\nsub/a 644 \"a\"\nsub/deep/ 755\nsub/deep/b 644 \"b\"\n"
    );
}

/// A bind mount that is taken away at the end.
pub(crate) struct Bind<'a>(&'a Path);

impl<'a> Bind<'a> {
    pub(crate) fn new(from: &Path, to: &'a Path) -> Self {
        let status = Command::new("mount")
            .arg("--bind")
            .arg(from)
            .arg(to)
            .status();
        assert!(
            status.expect("mount").success(),
            "this test mounts: run it as root"
        );
        Self(to)
    }
}

impl Drop for Bind<'_> {
    fn drop(&mut self) {
        let status = Command::new("umount").arg(self.0).status();
        assert!(status.expect("umount").success());
    }
}

#[test]
fn a_directory_that_a_mount_shows_on_two_sides_is_refused() {
    for words in [
        &["--method=move", "i", "d"][..],
        &["--method=link", "i", "d"],
        &["--method=move", "i", "i2", "e"],
    ] {
        let root = scratch();
        let root = root.path();
        lay(
            root,
            "d/share/precious 644 \"p\"\ni/share/ 755\ni/f 644 \"f\"\ni2/share/ 755\ne/ 755",
        );
        let (from, to) = (root.join("d/share"), root.join("i/share"));
        let _mounted = Bind::new(&from, &to);
        let to = root.join("i2/share");
        let _mounted = Bind::new(&from, &to);
        merge(root, words).expect(2).complains("on two sides");
        assert!(from.join("precious").exists(), "{words:?}");
        assert!(root.join("i/f").exists());
    }
}

#[test]
fn a_mount_in_an_image_is_copied_and_not_removed() {
    let root = scratch();
    let root = root.path();
    lay(
        root,
        "d/share/precious 644 \"p\"\ni/other/ 755\ni/joined/ 755\nd/joined/ 755\nj/x 644 \"x\"",
    );
    let (other, joined) = (root.join("i/other"), root.join("i/joined"));
    let _mounted = Bind::new(&root.join("d/share"), &other);
    let _mounted = Bind::new(&root.join("j"), &joined);
    let said = merge(root, &["--method=move", "i", "d"]).expect(2).stderr;
    assert!(said.contains("something is mounted there"), "{said}");
    let d = root.join("d");
    for name in ["share/precious", "other/precious", "joined/x"] {
        assert!(d.join(name).exists(), "{name}");
    }
    assert!(root.join("j/x").exists());
}

#[test]
fn a_conflict_between_two_images_names_both() {
    for (method, dest) in [("link", ""), ("copy", "d/ 755"), ("move", "d/usr/ 755")] {
        let root = scratch();
        let root = root.path();
        lay(
            root,
            "i1/usr/a 644 \"1\"\ni1/usr/m 755 \"m\"\ni1/usr/t 644 \"t\"\n\
             i2/usr/a 644 \"22\"\ni2/usr/m 644 \"m\"\ni2/usr/only 644 \"o\"\n\
             i3/usr/a 644 \"1\"\ni3/usr/t -> a",
        );
        lay(root, dest);
        let before = test_support::listing(root);
        let method = format!("--method={method}");
        let said = merge(root, &[&method, "i1", "i2", "i3", "d"])
            .expect(1)
            .stderr;
        let conflicts: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("conflict ("))
            .collect();
        assert_eq!(
            conflicts,
            [
                "img-merge: merge usr/a: conflict (content): i2 has a file 0644 0:0 of 2 bytes, i1 has a file 0644 0:0 of 1 bytes",
                "img-merge: merge usr/m: conflict (mode): i2 has a file 0644 0:0 of 1 bytes, i1 has a file 0755 0:0 of 1 bytes",
                "img-merge: merge usr/t: conflict (type): i3 has a symlink 0:0, i1 has a file 0644 0:0 of 1 bytes",
            ],
            "{said}"
        );
        assert_eq!(test_support::listing(root), before, "{method}");
    }
}
