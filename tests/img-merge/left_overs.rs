//! What lies in DEST under temporary names: of merges that live, that were killed, and of others.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use test_support::{Tool, lay, scratch};

use crate::disk::{Disk, Format};
use crate::merge;
use crate::moment::while_held;

/// Runs it until `file` is replaced, where it is killed: at the first time that is set of a directory.
pub(crate) fn killed_after_exchange(root: &Path, words: &[&str], file: &Path) {
    // A copy gets its times first.
    for at in 1..4 {
        let inject = format!("--inject=utimensat:signal=KILL:when={at}");
        let ended = Tool::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "--trace=utimensat"])
            .arg(inject)
            .arg(env!("CARGO_BIN_EXE_img-merge"))
            .args(words)
            .in_directory(root)
            .run();
        assert_eq!(ended.status, None, "{}", ended.stderr);
        if fs::read(root.join(file)).expect("the file") == b"new" {
            return;
        }
    }
    panic!("{} was not replaced", file.display());
}

#[test]
fn a_merge_into_an_outer_directory_leaves_the_staging_of_an_inner_one_alone() {
    let root = scratch();
    let disk = Disk::new(Format::Tmpfs);
    let mount = disk.path();
    let dest = mount
        .parent()
        .expect("the directory around")
        .display()
        .to_string();
    let inner = mount.display().to_string();
    lay(mount, "f 644 \"old\"");
    lay(root.path(), "j/f 644 \"new\"\ni/mount/o 644 \"o\"");
    let outcome = while_held(
        root.path(),
        "renameat2:delay_exit=700000:when=1",
        &["--on-conflict=replace", "j", &inner],
        || {
            merge(root.path(), &["i", &dest]).expect(0);
        },
    );
    outcome.expect(0);
    let listing = test_support::listing(mount);
    assert_eq!(listing, "f 644 \"new\"\no 644 \"o\"\n");
}

#[test]
fn a_left_staging_waits_for_a_merge_into_the_same_directory() {
    for order in ["inner", "outer"] {
        let root = scratch();
        let disk = Disk::new(Format::Tmpfs);
        let mount = disk.path();
        let around = mount.parent().expect("the directory around");
        let (outer, inner) = (around.display().to_string(), mount.display().to_string());
        lay(mount, "f 644 \"old\"");
        lay(
            root.path(),
            "j/f 644 \"new\"\nk/mount/f 644 \"new\"\ni/mount/o 644 \"o\"\nl/o 644 \"o\"",
        );
        let replace = "--on-conflict=replace";
        // Each of the two is killed once; the other may not take its staging, which holds the old file.
        if order == "inner" {
            killed_after_exchange(root.path(), &[replace, "j", &inner], &mount.join("f"));
            merge(root.path(), &["i", &outer]).expect(0);
            merge(root.path(), &["-n", "j", &inner]).expect(0);
        } else {
            killed_after_exchange(root.path(), &[replace, "k", &outer], &mount.join("f"));
            merge(root.path(), &["l", &inner]).expect(0);
            merge(root.path(), &["-n", "k", &outer]).expect(0);
        }
        let listing = test_support::listing(mount);
        assert_eq!(listing, "f 644 \"old\"\no 644 \"o\"\n", "{order}");
    }
}

#[test]
fn a_private_directory_under_our_name_is_left_alone() {
    let root = scratch();
    let name = "d/.img-merge-00000000000000aa";
    lay(
        root.path(),
        "d/private/x 600 \"x\"\nd/private/journal 600 \"\"\nd/private/ 700\ni/f 644 \"f\"",
    );
    chown(root.path().join("d"), Some(65_534), None).expect("chown: this test runs as root");
    fs::rename(root.path().join("d/private"), root.path().join(name)).expect("a rename");
    let said = merge(root.path(), &["i", "d"]).expect(0).stderr;
    assert!(root.path().join(name).join("x").exists(), "{said}");
}

#[test]
fn a_directory_with_a_copied_journal_is_left_alone() {
    // The journal of a true staging, in a directory that it was not written for.
    let root = scratch();
    lay(root.path(), "d/f 644 \"old\"\ni/f 644 \"new\"\nsafe/ 700");
    killed_after_exchange(
        root.path(),
        &["--on-conflict=replace", "i", "d"],
        Path::new("d/f"),
    );
    let staging = staging_in(&root.path().join("d"));
    let safe = root.path().join("safe");
    fs::copy(staging.join("journal"), safe.join("journal")).expect("a copy");
    fs::write(safe.join("x"), "x").expect("a file");
    fs::rename(&safe, root.path().join("d/.img-merge-00000000000000aa")).expect("a rename");
    merge(root.path(), &["-n", "i", "d"]).expect(0);
    assert_eq!(
        fs::read_to_string(root.path().join("d/f")).expect("f"),
        "old"
    );
    assert!(!staging.exists());
    assert!(root.path().join("d/.img-merge-00000000000000aa/x").exists());
}

fn staging_in(dest: &Path) -> std::path::PathBuf {
    let names = fs::read_dir(dest).expect("a directory");
    let mut paths = names.map(|entry| entry.expect("an entry").path());
    let is_ours = |path: &std::path::PathBuf| path.to_string_lossy().contains("/.img-merge-");
    paths.find(is_ours).expect("a staging")
}

#[test]
fn a_file_that_cannot_be_put_back_is_named_and_kept() {
    let root = scratch();
    lay(root.path(), "d/sub/f 644 \"old\"\ni/sub/f 644 \"new\"");
    killed_after_exchange(
        root.path(),
        &["--on-conflict=replace", "i", "d"],
        Path::new("d/sub/f"),
    );
    let chattr = |how: &str| {
        let done = std::process::Command::new("chattr")
            .arg(how)
            .arg(root.path().join("d/sub"))
            .status();
        done.is_ok_and(|status| status.success())
    };
    if !chattr("+i") {
        test_support::cannot_run_here(
            "a_file_that_cannot_be_put_back_is_named_and_kept",
            "the file system knows no immutable directories",
        );
        return;
    }
    let said = merge(root.path(), &["-q", "-n", "i", "d"]);
    assert!(chattr("-i"));
    said.expect(2)
        .complains("put back d/sub/f: operation not permitted");
    merge(root.path(), &["-n", "i", "d"]).expect(0);
    assert_eq!(
        fs::read_to_string(root.path().join("d/sub/f")).expect("f"),
        "old"
    );
}

#[test]
fn an_empty_staging_is_removed() {
    let root = scratch();
    lay(
        root.path(),
        "i/f 644 \"f\"\nd/.img-merge-00000000000000aa/ 700\nd/.img-merge-00000000000000ab/journal 600 \"\"",
    );
    let mode = fs::Permissions::from_mode(0o700);
    fs::set_permissions(root.path().join("d/.img-merge-00000000000000ab"), mode).expect("a mode");
    merge(root.path(), &["i", "d"]).expect(0);
    assert_eq!(
        test_support::listing(&root.path().join("d")),
        "f 644 \"f\"\n"
    );
}

#[test]
fn the_staging_of_a_merge_that_lives_is_left_alone() {
    let root = scratch();
    lay(root.path(), "i/f 644 \"f\"\nj/g 644 \"g\"\nd/ 755");
    // Ready in the staging; without the lock of the destination, only that of the staging is there.
    let words = ["--no-lock", "--method=copy", "-j1", "i", "d"];
    let paused = crate::pause::pause_at(root.path(), "utimensat", 1, &words);
    let staging = staging_in(&root.path().join("d"));
    merge(root.path(), &["j", "d"]).expect(0);
    assert!(staging.join("journal").exists());
    let (status, said) = paused.resume();
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(
        test_support::listing(&root.path().join("d")),
        "f 644 \"f\"\ng 644 \"g\"\n"
    );
}

#[test]
fn the_journal_of_another_user_is_not_followed() {
    let root = scratch();
    lay(root.path(), "d/f 644 \"old\"\ni/f 644 \"new\"");
    let words = ["--on-conflict=replace", "i", "d"];
    killed_after_exchange(root.path(), &words, Path::new("d/f"));
    let staging = staging_in(&root.path().join("d"));
    chown(&staging, Some(1000), None).expect("chown: this test runs as root");
    merge(root.path(), &["-n", "i", "d"]).expect(0);
    assert!(staging.join("journal").exists());
    assert_eq!(fs::read(root.path().join("d/f")).expect("f"), b"new");
}

#[test]
fn a_file_that_replaced_a_replacement_stays() {
    let root = scratch();
    lay(
        root.path(),
        "d/f 644 \"old\"\ni/f 644 \"new\"\nmine 644 \"mine\"",
    );
    let words = ["--on-conflict=replace", "i", "d"];
    killed_after_exchange(root.path(), &words, Path::new("d/f"));
    fs::rename(root.path().join("mine"), root.path().join("d/f")).expect("a rename");
    merge(root.path(), &["-n", "i", "d"]).expect(0);
    assert_eq!(
        test_support::listing(&root.path().join("d")),
        "f 644 \"mine\"\n"
    );
}

#[test]
fn another_directory_keeps_its_times_in_a_recovery() {
    let root = scratch();
    lay(
        root.path(),
        "d/usr/b 644 \"b\"\ni/usr/a 644 \"a\"\nj/g 644 \"g\"",
    );
    let ended = Tool::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "--trace=utimensat"])
        .arg("--inject=utimensat:signal=KILL:when=1")
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(["-j1", "i", "d"])
        .in_directory(root.path())
        .run();
    assert_eq!(ended.status, None, "{}", ended.stderr);
    let usr = root.path().join("d/usr");
    fs::rename(&usr, root.path().join("aside")).expect("a rename");
    lay(&root.path().join("d"), "usr/ 755");
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_007);
    let other = fs::File::open(&usr).expect("a directory");
    other.set_modified(then).expect("a time");
    merge(root.path(), &["j", "d"]).expect(0);
    let now = other.metadata().expect("metadata").modified();
    assert_eq!(now.expect("a time"), then);
}

#[test]
fn a_replacement_of_a_done_transaction_is_not_put_back() {
    let root = scratch();
    lay(
        root.path(),
        "i/f 644 \"new\"\nd/f 644 \"old\"\nj/g 644 \"g\"",
    );
    // The first name that goes is the image's, after the transaction is done.
    let ended = Tool::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "--trace=unlinkat"])
        .arg("--inject=unlinkat:signal=KILL:when=2")
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(["--method=move", "--on-conflict=replace", "-j1", "i", "d"])
        .in_directory(root.path())
        .run();
    assert_eq!(ended.status, None, "{}", ended.stderr);
    assert!(!root.path().join("i/f").exists());
    merge(root.path(), &["j", "d"]).expect(0);
    assert_eq!(
        test_support::listing(&root.path().join("d")),
        "f 644 \"new\"\ng 644 \"g\"\n"
    );
}

#[test]
fn a_file_that_was_not_exchanged_gets_no_place_in_a_recovery() {
    let root = scratch();
    lay(
        root.path(),
        "i/f 644 \"new\"\nd/f 644 \"old\"\nj/g 644 \"g\"",
    );
    let ended = Tool::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "--trace=renameat2"])
        .arg("--inject=renameat2:signal=KILL:when=1")
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(["--on-conflict=replace", "-j1", "i", "d"])
        .in_directory(root.path())
        .run();
    assert_eq!(ended.status, None, "{}", ended.stderr);
    let file = root.path().join("d/f");
    assert_eq!(fs::read(&file).expect("the file"), b"old");
    fs::remove_file(&file).expect("it is there");
    merge(root.path(), &["j", "d"]).expect(0);
    assert_eq!(
        test_support::listing(&root.path().join("d")),
        "g 644 \"g\"\n"
    );
}
