//! A file system gives the number of an inode that is gone to the next file: such a one is another's.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use test_support::{Tool, lay, listing};

use crate::disk::{Disk, Format};
use crate::left_overs::killed_after_exchange;
use crate::pause::pause_at;

fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).expect("metadata").ino()
}

/// Removes `path` and puts another of its kind there that has the same inode number.
fn exchange_for_namesake(path: &Path) {
    let (number, is_dir) = (inode(path), path.is_dir());
    let others = path.parent().expect("a directory").join("others");
    fs::create_dir(&others).expect("a directory");
    if is_dir {
        fs::remove_dir_all(path).expect("ours is there");
    } else {
        fs::remove_file(path).expect("ours is there");
    }
    let made = (0..4000).map(|at| others.join(at.to_string())).find(|new| {
        if is_dir {
            fs::create_dir(new).expect("a directory");
        } else {
            fs::write(new, "mine").expect("a file");
        }
        inode(new) == number
    });
    fs::rename(made.expect("the number is given again"), path).expect("a rename");
    fs::remove_dir_all(others).expect("they are there");
}

#[test]
fn an_undo_leaves_a_file_that_got_the_inode_number_of_ours() {
    let disk = Disk::new(Format::Ext4);
    for (method, conflicts, held) in [
        ("move", "error", "mine/ 755"),
        ("copy", "error", "mine/ 755"),
        ("copy", "replace", "a 644 \"old\""),
    ] {
        let what = format!("{method} {conflicts}");
        let root = &disk.path().join(format!("{method}-{conflicts}"));
        lay(root, "i/a 644 \"ours\"\ni/b 644 \"b\"");
        let dest = root.join("d");
        lay(&dest, held);
        let words = [
            &format!("--method={method}"),
            &format!("--on-conflict={conflicts}"),
            "-j1",
            "i",
            "d",
        ];
        let paused = pause_at(root, "renameat2", 1, &words);
        exchange_for_namesake(&dest.join("a"));
        // A directory in the way of a file: everything is undone.
        lay(&dest, "b/ 755");
        let (status, said) = paused.resume();
        assert_eq!(status, Some(1), "{what}: {said}");
        let now = fs::read_to_string(dest.join("a"));
        assert_eq!(now.ok().as_deref(), Some("mine"), "{what}: {said}");
    }
}

#[test]
fn an_undo_leaves_a_directory_that_got_the_inode_number_of_ours() {
    let disk = Disk::new(Format::Ext4);
    for (method, call) in [
        ("link", "linkat"),
        ("copy", "renameat2"),
        ("move", "renameat2"),
    ] {
        let root = &disk.path().join(method);
        lay(root, "i/a/x 644 \"x\"\ni/aa 644 \"aa\"\ni/b 644 \"b\"");
        let dest = root.join("d");
        lay(&dest, "mine/ 755");
        let method = format!("--method={method}");
        // The second is that of the file after the directory, which nobody holds open by then.
        let paused = pause_at(root, call, 2, &[&method, "-j1", "i", "d"]);
        exchange_for_namesake(&dest.join("a"));
        lay(&dest, "a/x 644 \"x\"\nb/ 755");
        let (status, said) = paused.resume();
        assert_eq!(status, Some(1), "{method}: {said}");
        let now = listing(&dest);
        let expected = "a/ 755\na/x 644 \"x\"\nb/ 755\nmine/ 755\n";
        assert_eq!(now, expected, "{method}: {said}");
    }
}

#[test]
fn nothing_is_put_into_a_directory_that_got_the_inode_number_of_ours() {
    let disk = Disk::new(Format::Ext4);
    let root = disk.path();
    lay(
        root,
        "i/opt/a 644 \"a\"\nj/opt/b 644 \"b\"\ni/usr/a 644 \"a\"\nj/usr/b 644 \"b\"\nd/mine/ 755",
    );
    // The second directory of both images is made, and the first is not filled yet.
    let paused = pause_at(root, "renameat2", 2, &["-j1", "i", "j", "d"]);
    exchange_for_namesake(&root.join("d/opt"));
    let (status, said) = paused.resume();
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("exchanged for another directory"), "{said}");
    assert_eq!(listing(&root.join("d")), "mine/ 755\nopt/ 755\n", "{said}");
}

#[test]
fn a_recovery_leaves_a_file_that_got_the_inode_number_of_a_replacement() {
    let disk = Disk::new(Format::Ext4);
    let root = disk.path();
    lay(root, "i/f 644 \"new\"\nd/f 644 \"old\"");
    let words = ["--method=copy", "--on-conflict=replace", "i", "d"];
    killed_after_exchange(root, &words, Path::new("d/f"));
    exchange_for_namesake(&root.join("d/f"));
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(["-n", "i", "d"])
        .in_directory(root)
        .run()
        .expect(0);
    assert_eq!(listing(&root.join("d")), "f 644 \"mine\"\n");
}

#[test]
fn a_recovery_leaves_a_directory_that_got_the_inode_number_of_ours() {
    let disk = Disk::new(Format::Ext4);
    let root = disk.path();
    lay(root, "d/usr/b 644 \"b\"\ni/usr/a 644 \"a\"\nj/g 644 \"g\"");
    let ended = Tool::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "--trace=utimensat"])
        .arg("--inject=utimensat:signal=KILL:when=1")
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(["-j1", "i", "d"])
        .in_directory(root)
        .run();
    assert_eq!(ended.status, None, "{}", ended.stderr);
    let usr = root.join("d/usr");
    exchange_for_namesake(&usr);
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_007);
    let other = fs::File::open(&usr).expect("a directory");
    other.set_modified(then).expect("a time");
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(["j", "d"])
        .in_directory(root)
        .run()
        .expect(0);
    let now = other.metadata().expect("metadata").modified();
    assert_eq!(now.expect("a time"), then);
}
