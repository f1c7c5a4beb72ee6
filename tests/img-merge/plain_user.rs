//! Merges of a user who is not root.

use std::fs;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;

use test_support::{Outcome, Tool, lay, need_command, scratch};

use crate::snapshot::{assert_same, contents, snapshot};

/// The tool as a user who owns nothing but what the test gives away.
pub(crate) fn as_user(words: &[&str], image: &Path, dest: &Path) -> Outcome {
    need_command("setpriv", "util-linux");
    Tool::new("setpriv")
        .args(["--reuid=1000", "--regid=1000", "--clear-groups"])
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .arg(image)
        .arg(dest)
        .run()
}

pub(crate) fn give_away(path: &Path) {
    lchown(path, Some(1000), Some(1000)).expect("chown: this test runs as root");
    if path.symlink_metadata().expect("metadata").is_dir() {
        for entry in fs::read_dir(path).expect("a directory") {
            give_away(&entry.expect("an entry").path());
        }
    }
}

#[test]
fn a_plain_user_merges_read_only_directories_of_his_own() {
    for method in ["link", "copy", "move"] {
        let root = scratch();
        give_away(root.path());
        fs::set_permissions(
            root.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
        let (image, dest) = (root.path().join("image"), root.path().join("dest"));
        lay(
            &image,
            "usr/shut/new/a 444 \"a\"\nusr/shut/new/ 555\nusr/shut/b 644 \"b\"\nusr/shut/ 555\nusr/shut2/ 555\nusr/shut2/c 644 \"c\"",
        );
        lay(&dest, "usr/shut/mine 644 \"m\"\nusr/shut/ 555");
        give_away(&image);
        give_away(&dest);
        let expected = contents(&image);
        let before = snapshot(&dest);
        as_user(
            &[
                "--on-conflict=error",
                "--dir-metadata=strict",
                &format!("--method={method}"),
            ],
            &image,
            &dest,
        )
        .expect(0);
        let mut merged = contents(&dest);
        merged.remove(Path::new("usr/shut/mine"));
        for (path, entry) in &mut merged {
            // Both had these: the later time counts.
            if let Some(held) = before.get(path) {
                assert_eq!(entry.modified, held.modified.max(expected[path].modified));
                entry.modified = expected[path].modified;
            }
        }
        assert_same(&merged, &expected, method);
        assert_eq!(image.exists(), method != "move", "{method}");
    }
}

#[test]
fn a_file_that_a_plain_user_may_not_link_is_copied() {
    let limit = fs::read_to_string("/proc/sys/fs/protected_hardlinks").expect("a sysctl");
    assert_eq!(
        limit.trim(),
        "1",
        "this test needs fs.protected_hardlinks=1"
    );
    let root = scratch();
    give_away(root.path());
    let (image, dest) = (root.path().join("image"), root.path().join("dest"));
    lay(
        &image,
        "usr/a 644 \"of root\"\nusr/set 4755 \"set-id\"\nusr/to -> a",
    );
    fs::set_permissions(
        root.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let said = as_user(&[], &image, &dest).expect(0).stderr;
    assert!(
        said.contains("because of \"operation not permitted\""),
        "{said}"
    );
    assert_eq!(fs::metadata(dest.join("usr/a")).unwrap().uid(), 1000);
    let mode = fs::metadata(dest.join("usr/set")).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o755, "no set-id for another owner");
    let again = as_user(&[], &image, &dest).expect(0).stderr;
    assert!(again.contains("nothing changed"), "{again}");
}

/// A home of the plain user, with `tree` in it, all his but `of_root`.
fn home(tree: &str, of_root: &[&str]) -> tempfile::TempDir {
    let home = scratch();
    lay(home.path(), tree);
    give_away(home.path());
    for path in of_root {
        lchown(home.path().join(path), Some(0), Some(0)).expect("chown: this test runs as root");
    }
    home
}

#[test]
fn a_directory_that_we_may_not_read_is_moved() {
    let home = home("i/new/f 644 \"f\"\ni/new/ 300\nd/x 644 \"x\"", &[]);
    let (image, dest) = (home.path().join("i"), home.path().join("d"));
    let json = home.path().join("out");
    let word = format!("--json={}", json.display());
    as_user(&["--method=move", &word], &image, &dest).expect(0);
    assert!(!image.exists() && dest.join("new/f").exists());
    let json = fs::read_to_string(json).expect("the JSON");
    assert!(json.contains("\"moved_directories\":1"), "{json}");
}

#[test]
fn a_file_that_is_kept_need_not_be_readable() {
    let home = home("i/f 644 \"new\"\nd/f 600 \"old\"", &["d/f"]);
    let (image, dest) = (home.path().join("i"), home.path().join("d"));
    as_user(&[], &image, &dest)
        .expect(2)
        .complains("f: permission denied");
    let said = as_user(&["-n"], &image, &dest).expect(0).stderr;
    assert!(said.contains("1 name kept"), "{said}");
    assert_eq!(fs::read(dest.join("f")).expect("f"), b"old");
}

#[test]
fn an_owner_unknown_to_the_user_namespace_is_no_error() {
    need_command("unshare", "util-linux");
    let root = scratch();
    lay(root.path(), "i/usr/a 4755 \"a\"\ni/usr/ 755\nd/x 644 \"x\"");
    for path in ["i/usr/a", "i/usr"] {
        lchown(root.path().join(path), Some(1000), Some(1000)).expect("chown");
    }
    let set_id = std::os::unix::fs::PermissionsExt::from_mode(0o4755);
    fs::set_permissions(root.path().join("i/usr/a"), set_id).expect("a mode");
    let lost = "1 directory made, owner could not be set on 2 (invalid argument)";
    for word in [lost, "nothing changed"] {
        let said = Tool::new("unshare")
            .args(["--user", "--map-root-user"])
            .arg(env!("CARGO_BIN_EXE_img-merge"))
            .args(["--method=copy", "i", "d"])
            .in_directory(root.path())
            .run()
            .expect(0)
            .stderr;
        assert!(said.contains(word), "{said}");
    }
    let made = fs::metadata(root.path().join("d/usr/a")).expect("it is there");
    assert_eq!(
        (made.uid(), made.mode() & 0o7777),
        (0, 0o755),
        "no set-id for another"
    );
}
