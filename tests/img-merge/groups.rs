//! Link groups of which DEST, or an image before, has a name already: joined, or said to be split.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use test_support::{Tool, lay, listing, need_command, scratch};

use crate::merge;

fn inode(root: &Path, path: &str) -> u64 {
    fs::metadata(root.join(path)).expect("a file").ino()
}

#[test]
fn a_group_is_joined_to_the_equal_file_of_an_earlier_image() {
    for (method, joined) in [("link", true), ("move", true), ("copy", false)] {
        for jobs in ["-j1", "-j4"] {
            let root = scratch();
            lay(
                root.path(),
                "i/z/a 644 \"x\"\ni/b/i 644 \"i\"\nj/z/a 644 \"x\"\nj/b/l == j/z/a\nd/ 755",
            );
            let method = format!("--method={method}");
            let said = merge(root.path(), &[jobs, &method, "i", "j", "d"])
                .expect(0)
                .stderr;
            let same = inode(root.path(), "d/z/a") == inode(root.path(), "d/b/l");
            assert_eq!(same, joined, "{method}: {said}");
            assert_eq!(
                said.contains("1 link group split"),
                !joined,
                "{method}: {said}"
            );
        }
    }
}

#[test]
fn a_group_that_cannot_be_linked_is_split_once() {
    need_command("strace", "strace");
    let root = scratch();
    lay(root.path(), "i/a 644 \"a\"\ni/b == i/a\nd/ 755");
    // The first link is the group's in the staging.
    let said = Tool::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "--trace=linkat"])
        .arg("--inject=linkat:error=EMLINK:when=2+")
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(["--method=copy", "-j1", "i", "d"])
        .in_directory(root.path())
        .run()
        .expect(0)
        .stderr;
    assert!(said.contains("1 link group split"), "{said}");
    assert_eq!(
        listing(&root.path().join("d")),
        "a 644 \"a\"\nb 644 \"a\"\n"
    );
}
