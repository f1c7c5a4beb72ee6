//! What is made has its source's metadata, whatever the place would give it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;
use std::process::Command;

use test_support::{Outcome, Tool, lay, need_command, scratch};

use crate::snapshot::{assert_same, snapshot};

fn merge(root: &Path, words: &[&str]) -> Outcome {
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .in_directory(root)
        .run()
}

#[test]
fn a_set_gid_destination_gives_no_group() {
    for method in ["link", "copy"] {
        for group in [0_u32, 1234] {
            let root = scratch();
            lay(
                root.path(),
                "i/sub/below/f 644 \"f\"\ni/both/x 644 \"x\"\nj/both/y 644 \"y\"\nd/ 755",
            );
            let dest = root.path().join("d");
            for path in ["i", "j", "d"] {
                let path = root.path().join(path);
                lchown(&path, None, Some(1234)).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o2775)).unwrap();
            }
            for path in ["i/sub", "i/sub/below", "i/sub/below/f", "i/both", "j/both"] {
                lchown(root.path().join(path), None, Some(group)).unwrap();
            }
            let method = format!("--method={method}");
            let words = [&*method, "--dir-metadata=strict", "i", "j", "d"];
            merge(root.path(), &words).expect(0);
            merge(root.path(), &words).expect(0);
            for path in ["sub", "sub/below", "sub/below/f", "both"] {
                let made = fs::metadata(dest.join(path)).unwrap();
                assert_eq!(made.gid(), group, "{path}");
                assert_eq!(made.mode() & 0o2000, 0, "{path}");
            }
        }
    }
}

#[test]
fn a_destination_that_is_made_inherits_no_acl() {
    need_command("setfacl", "acl");
    let root = scratch();
    lay(root.path(), "i/f 644 \"f\"\np/ 755");
    let parent = root.path().join("p");
    let done = Command::new("setfacl")
        .args(["-d", "-m", "u:12345:rwx"])
        .arg(&parent)
        .status();
    assert!(done.unwrap().success());
    merge(root.path(), &["i", "p/d"]).expect(0);
    assert_same(
        &snapshot(&parent.join("d")),
        &snapshot(&root.path().join("i")),
        "made",
    );
}
