//! What fails in the middle is undone, and what can be had by another method is.

use std::fs;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;
use std::process::Command;

use test_support::{Outcome, Tool, lay, need_command, scratch};

use crate::disk::{Disk, Format};
use crate::snapshot::{assert_same, contents, snapshot};

fn merge(words: &[&str], image: &Path, dest: &Path) -> Outcome {
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .arg(image)
        .arg(dest)
        .run()
}

/// A tree that needs blocks: files of some size, directories of many names.
pub(crate) fn lay_large(root: &Path) {
    for directory in 0..12 {
        let path = root.join(format!("usr/lib/new{directory}"));
        fs::create_dir_all(&path).expect("a directory");
        for file in 0..8 {
            fs::write(path.join(format!("f{file}")), vec![7; 9_000]).expect("a file");
        }
    }
    let shared = root.join("usr/share");
    fs::create_dir_all(&shared).expect("a directory");
    for file in 0..60 {
        let long = format!("{file}-{}", "x".repeat(200));
        fs::write(shared.join(long), vec![3; 3_000]).expect("a file");
    }
    lay(root, "usr/bin/tool 755 \"new\"");
}

pub(crate) fn lay_held(root: &Path) {
    lay(
        root,
        r#"
        usr/bin/tool 755 "old"
        usr/share/mine 644 "mine"
        usr/lib/mine/x 644 "x"
        "#,
    );
}

#[test]
fn a_full_disk_at_any_point_is_undone() {
    let disk = Disk::new(Format::Ext4);
    let far = scratch();
    let near = disk.path().join("image");
    lay_large(&far.path().join("image"));
    lay_large(&near);
    let dest = disk.path().join("dest");
    let mut failures = 0;
    for (method, image) in [
        ("copy", far.path().join("image")),
        ("link", near.clone()),
        ("move", far.path().join("image")),
    ] {
        for step in 0..14_u64 {
            lay_held(&dest);
            let (before, whole) = (snapshot(&dest), snapshot(&image));
            disk.fill(step * step * 9_000);
            let outcome = merge(
                &["--on-conflict=replace", &format!("--method={method}")],
                &image,
                &dest,
            );
            disk.unfill();
            if outcome.status == Some(0) {
                assert_eq!(image.exists(), method != "move");
                break;
            }
            failures += 1;
            let said = outcome.expect(2).stderr;
            assert!(said.contains("no space left on device"), "{said}");
            let what = format!("{method} with {step}");
            assert_same(&snapshot(&dest), &before, &what);
            assert_same(&snapshot(&image), &whole, &what);
            assert_eq!(
                fs::read_dir(&dest).unwrap().count(),
                1,
                "{what}: temporary names"
            );
        }
        fs::remove_dir_all(&dest).expect("a directory");
    }
    assert!(failures > 10, "the disk was full {failures} times only");
}

#[test]
fn a_read_only_destination_is_one_error() {
    let disk = Disk::new(Format::Ext4);
    let far = scratch();
    lay_large(&far.path().join("image"));
    let dest = disk.path().join("dest");
    lay_held(&dest);
    let before = snapshot(&dest);
    disk.remount("ro");
    merge(&["-q", "-n"], &far.path().join("image"), &dest)
        .expect(2)
        .complains("read-only file system");
    assert_same(&snapshot(&dest), &before, "read-only");
}

#[test]
fn a_file_with_too_many_links_is_copied_once() {
    let disk = Disk::new(Format::Ext4);
    lay(
        disk.path(),
        "image/usr/a 644 \"a\"\nimage/usr/b == image/usr/a\nlinks/ 755",
    );
    let file = disk.path().join("image/usr/a");
    for number in 0.. {
        if fs::hard_link(&file, disk.path().join(format!("links/{number}"))).is_err() {
            break;
        }
    }
    assert_eq!(fs::metadata(&file).unwrap().nlink(), 65_000);
    let (image, dest) = (disk.path().join("image"), disk.path().join("dest"));
    merge(&["--strict"], &image, &dest).expect(2);
    assert!(
        !dest.exists(),
        "strict forbids to fall back, and what was done is undone"
    );
    let expected = snapshot(&image);
    let said = merge(&[], &image, &dest).expect(0).stderr;
    assert!(said.contains("because of \"too many links\""), "{said}");
    assert_same(&snapshot(&dest), &expected, "the group stays a group");
    assert_eq!(fs::metadata(dest.join("usr/a")).unwrap().nlink(), 2);
}

#[test]
fn another_file_system_is_reached_by_copies() {
    let disk = Disk::new(Format::Tmpfs);
    for method in ["link", "move"] {
        let far = scratch();
        let dest = disk.path().join(method);
        lay(&dest, "usr/share/mine 644 \"mine\"");
        let image = far.path().join("image");
        lay_large(&image);
        lay(&image, "usr/bin/again == usr/bin/tool\nusr/bin/to -> tool");
        let expected = contents(&image);
        merge(&["--strict", &format!("--method={method}")], &image, &dest).expect(2);
        assert_eq!(contents(&dest).len(), 3, "strict");
        assert_same(&contents(&image), &expected, "strict");
        let said = merge(&[&format!("--method={method}")], &image, &dest)
            .expect(0)
            .stderr;
        assert!(
            said.contains("because of \"invalid cross-device link\""),
            "{said}"
        );
        assert_eq!(image.exists(), method == "link");
        let mut merged = contents(&dest);
        merged.remove(Path::new("usr/share/mine"));
        assert_same(&merged, &expected, method);
    }
}

#[test]
fn a_mount_inside_the_destination_is_filled_from_its_own_top() {
    let disk = Disk::new(Format::Tmpfs);
    let root = scratch();
    let (image, dest) = (root.path().join("image"), root.path().join("dest"));
    lay(&image, "opt/new/x 644 \"x\"\nopt/file 755 \"f\"");
    lay(&dest, "opt/ 755");
    let opt = dest.join("opt");
    assert!(
        Command::new("mount")
            .arg("--bind")
            .arg(disk.path())
            .arg(&opt)
            .status()
            .unwrap()
            .success()
    );
    let done = merge(&["--method=copy"], &image, &dest);
    let merged = test_support::listing(disk.path());
    assert!(Command::new("umount").arg(&opt).status().unwrap().success());
    done.expect(0);
    assert_eq!(merged, "file 755 \"f\"\nnew/ 755\nnew/x 644 \"x\"\n");
}

#[test]
fn reflinks_share_blocks_where_they_can() {
    for format in [Format::Xfs, Format::Btrfs] {
        let disk = Disk::new(format);
        let (image, dest) = (disk.path().join("image"), disk.path().join("dest"));
        lay_large(&image);
        lay(&image, "usr/bin/again == usr/bin/tool");
        let expected = snapshot(&image);
        let said = merge(&["--method=reflink", "--strict"], &image, &dest)
            .expect(0)
            .stderr;
        assert!(said.contains("158 files reflinked,"), "{format:?}: {said}");
        assert_same(&snapshot(&dest), &expected, "reflink");
        let inodes =
            [&image, &dest].map(|root| fs::metadata(root.join("usr/bin/tool")).unwrap().ino());
        assert_ne!(inodes[0], inodes[1], "a reflink is a file of its own");
        assert!(shares_blocks(&dest.join("usr/lib/new0/f0")), "{format:?}");
    }
}

fn shares_blocks(file: &Path) -> bool {
    need_command("filefrag", "e2fsprogs");
    let output = Command::new("filefrag")
        .arg("-v")
        .arg(file)
        .output()
        .expect("filefrag");
    String::from_utf8_lossy(&output.stdout).contains("shared")
}

#[test]
fn new_directories_are_exact_under_any_umask_acl_and_set_gid() {
    for umask in ["000", "077", "777"] {
        let root = scratch();
        let (image, dest) = (root.path().join("image"), root.path().join("dest"));
        lay(
            &image,
            "usr/a/b/x 640 \"x\"\nusr/a/ 750\nusr/a/b/ 1711\nusr/y 604 \"y\"",
        );
        lay(&dest, "usr/ 2775");
        need_command("setfacl", "acl");
        for arguments in [["-m", "d:u:1000:rwx"], ["-m", "u:1000:rwx"]] {
            assert!(
                Command::new("setfacl")
                    .args(arguments)
                    .arg(dest.join("usr"))
                    .status()
                    .unwrap()
                    .success()
            );
            assert!(
                Command::new("setfacl")
                    .args(arguments)
                    .arg(&dest)
                    .status()
                    .unwrap()
                    .success()
            );
        }
        lchown(dest.join("usr"), None, Some(50)).unwrap();
        for method in ["link", "copy", "reflink", "move"] {
            let expected = contents(&image);
            let script = format!("umask {umask}; exec \"$@\"");
            Tool::new("sh")
                .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_img-merge"), "-q"])
                .arg(format!("--method={method}"))
                .arg(&image)
                .arg(&dest)
                .run()
                .expect(0);
            let merged = contents(&dest);
            for (path, entry) in expected
                .iter()
                .filter(|(path, _)| path.as_os_str() != "usr")
            {
                assert_eq!(
                    merged.get(path),
                    Some(entry),
                    "{method} {umask} {}",
                    path.display()
                );
            }
            if method != "move" {
                fs::remove_dir_all(dest.join("usr/a")).unwrap();
                fs::remove_file(dest.join("usr/y")).unwrap();
            }
        }
    }
}

/// Merges `images` into `d`, where the second link fails.
fn second_link_fails(root: &Path, images: &[&str]) {
    need_command("strace", "strace");
    Tool::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "--trace=linkat"])
        .arg("--inject=linkat:error=EIO:when=2")
        .args([env!("CARGO_BIN_EXE_img-merge"), "-j1"])
        .args(images)
        .arg("d")
        .in_directory(root)
        .run()
        .expect(2);
}

#[test]
fn an_undo_goes_backwards() {
    let root = scratch();
    lay(
        root.path(),
        "i/usr/lib/x 644 \"x\"\nj/usr/lib/y 644 \"y\"\nd/ 755",
    );
    second_link_fails(root.path(), &["i", "j"]);
    assert_eq!(test_support::listing(&root.path().join("d")), "");
}

#[test]
fn a_failed_merge_removes_the_destination_that_it_made() {
    let root = scratch();
    lay(root.path(), "i/a 644 \"a\"\ni/b 644 \"b\"\nj/a 644 \"j\"");
    second_link_fails(root.path(), &["i"]);
    assert!(!root.path().join("d").exists());
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(["i", "j", "d"])
        .in_directory(root.path())
        .run()
        .expect(1);
    assert!(!root.path().join("d").exists());
}
