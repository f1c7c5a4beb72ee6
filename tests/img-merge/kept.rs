//! What DEST had, or others wrote, is kept where it cannot be put back: by an undo, and by the next run.

use std::fs;
use std::path::{Path, PathBuf};

use test_support::{Tool, lay, listing, need_command, scratch};

use crate::disk::{Disk, Format};
use crate::left_overs::killed_after_exchange;
use crate::merge;
use crate::pause::{pause_at_with, pause_by};

/// The second link fails, and the merge stands still before it undoes the first.
const FAILS: &str = "linkat:error=EIO:signal=STOP:when=2";

/// The names of ours in `dest`.
fn temporary(dest: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(dest).expect("a directory");
    let paths = names.map(|entry| entry.expect("an entry").path());
    let is_ours = |path: &PathBuf| path.to_string_lossy().contains("/.img-merge-");
    paths.filter(is_ours).collect()
}

/// The one thing that was kept in `dest`, which `said` names.
fn kept(dest: &Path, said: &str) -> PathBuf {
    let [kept] = &temporary(dest)[..] else {
        panic!("one name is kept: {said}\n{}", listing(dest));
    };
    let name = kept.file_name().expect("a name").to_string_lossy();
    assert!(name.starts_with(".img-merge-kept-"), "{name}: {said}");
    assert!(
        said.contains(&format!("its directory is gone; see d/{name}")),
        "{said}"
    );
    kept.clone()
}

#[test]
fn the_next_run_puts_back_what_an_undo_could_not() {
    need_command("strace", "strace");
    let root = scratch();
    let old = "a 644 \"old a\"\nb 644 \"old b\"\n";
    lay(&root.path().join("d"), old);
    lay(&root.path().join("i"), "a 644 \"new a\"\nb 644 \"new b\"");
    let said = Tool::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "--trace=renameat2"])
        .arg("--inject=renameat2:error=EIO:when=2+")
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(["-j1", "--on-conflict=replace", "i", "d"])
        .in_directory(root.path())
        .run()
        .expect(2)
        .stderr;
    let [staging] = &temporary(&root.path().join("d"))[..] else {
        panic!("it stays: {said}");
    };
    let held = fs::read_dir(staging)
        .expect("a directory")
        .find_map(|entry| {
            let path = entry.expect("an entry").path();
            (fs::read(&path).expect("a file") == b"old a").then_some(path)
        });
    let held = held.expect("what was there is there");
    let below = held
        .strip_prefix(root.path())
        .expect("it is below")
        .display();
    assert!(
        said.contains(&format!("remove {below}: it is what could not be put back")),
        "{said}"
    );
    merge(root.path(), &["-n", "i", "d"]).expect(0);
    assert_eq!(listing(&root.path().join("d")), old);
}

#[test]
fn a_file_of_another_process_in_a_tree_stays_at_its_place() {
    let root = scratch();
    lay(root.path(), "i/sub/f 644 \"f\"\ni/z 644 \"z\"\nd/ 755");
    let dest = root.path().join("d");
    let paused = pause_by(root.path(), FAILS, &[], &["-j1", "i", "d"]);
    fs::write(dest.join("sub/late"), "late").expect("a file");
    let (_, said) = paused.resume();
    assert!(
        said.contains("undo the merge of d/sub: directory not empty"),
        "{said}"
    );
    assert_eq!(listing(&dest), "sub/ 755\nsub/late 644 \"late\"\n");
}

#[test]
fn a_tree_whose_image_is_gone_stays() {
    let root = scratch();
    lay(root.path(), "i/sub/f 644 \"f\"\ni/z 644 \"z\"\nd/ 755");
    let dest = root.path().join("d");
    let paused = pause_by(root.path(), FAILS, &[], &["-j1", "i", "d"]);
    fs::write(dest.join("sub/late"), "late").expect("a file");
    fs::rename(root.path().join("i/sub"), root.path().join("i/other")).expect("a rename");
    let (_, said) = paused.resume();
    assert!(
        said.contains("undo the merge of d/sub: no such file"),
        "{said}"
    );
    assert_eq!(
        listing(&dest),
        "sub/ 755\nsub/f 644 \"f\"\nsub/late 644 \"late\"\n"
    );
}

#[test]
fn a_file_that_came_between_is_kept_until_it_can_be_put_back() {
    // Once by the merge itself and not by its undo, and never.
    for (when, status) in [("2", 2), ("2+", 2)] {
        let root = scratch();
        lay(root.path(), "i/f 644 \"new\"\nd/f 644 \"old\"");
        let dest = root.path().join("d");
        let inject = format!("--inject=renameat2:error=EIO:when={when}");
        let words = ["-j1", "--on-conflict=replace", "i", "d"];
        // The second that is written to the journal is that it will be replaced.
        let paused = pause_at_with(root.path(), "write", 2, &[&inject], &words);
        fs::write(root.path().join("mine"), "mine").expect("a file");
        fs::rename(root.path().join("mine"), dest.join("f")).expect("a rename");
        let (ended, said) = paused.resume();
        assert_eq!(ended, Some(status), "{said}");
        if when == "2+" {
            assert!(said.contains("it is what could not be put back"), "{said}");
            merge(root.path(), &["-n", "i", "d"]).expect(0);
        }
        assert_eq!(listing(&dest), "f 644 \"mine\"\n", "{said}");
    }
}

#[test]
fn a_replaced_file_is_kept_if_its_directory_was_renamed() {
    let root = scratch();
    lay(root.path(), "d/sub/f 644 \"old\"\ni/sub/f 644 \"new\"");
    let dest = root.path().join("d");
    let words = ["--on-conflict=replace", "i", "d"];
    killed_after_exchange(root.path(), &words, Path::new("d/sub/f"));
    fs::rename(dest.join("sub"), dest.join("sub2")).expect("a rename");
    let said = merge(root.path(), &["-n", "i", "d"]).expect(0).stderr;
    let kept = kept(&dest, &said);
    assert_eq!(fs::read(&kept).expect("it"), b"old");
    merge(root.path(), &["-n", "i", "d"]).expect(0);
    assert!(kept.exists());
}

/// The file that `limit` bytes are too few for is the journal.
#[test]
fn a_transaction_without_its_last_record_is_not_done() {
    need_command("prlimit", "util-linux");
    need_command("strace", "strace");
    let mut hits = 0;
    for limit in (200..4000).step_by(24) {
        let root = scratch();
        lay(
            root.path(),
            "i/f 644 \"new\"\ni/sub/s 644 \"s\"\nd/f 644 \"old\"\nd/sub/s 644 \"s\"",
        );
        // Killed in its undo, at the second exchange.
        let ended = Tool::new("prlimit")
            .arg(format!("--fsize={limit}"))
            .args([
                "strace",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "--trace=renameat2",
            ])
            .arg("--inject=renameat2:signal=KILL:when=2")
            .arg(env!("CARGO_BIN_EXE_img-merge"))
            .args(["-j1", "--method=move", "--on-conflict=replace", "i", "d"])
            .in_directory(root.path())
            .run();
        match ended.status {
            Some(0) => {
                assert!(hits > 0, "the journal is as long as {limit}");
                return;
            }
            Some(_) => continue,
            None => hits += 1,
        }
        merge(root.path(), &["-n", "i", "d"]).expect(0);
        let old = fs::read(root.path().join("d/f")).expect("f");
        assert_eq!(old, b"old", "with {limit} bytes");
    }
    panic!("the journal is longer than that");
}

#[test]
fn a_journal_counts_after_the_disk_was_mounted_again() {
    let disk = Disk::new(Format::Ext4);
    let root = scratch();
    let dest = disk.path().join("d").display().to_string();
    lay(root.path(), "i/f 644 \"new\"");
    lay(disk.path(), "d/f 644 \"old\"");
    let words = ["--on-conflict=replace", "i", &dest];
    killed_after_exchange(root.path(), &words, &disk.path().join("d/f"));
    disk.mount_with_another_number();
    merge(root.path(), &["-n", "i", &dest]).expect(0);
    assert_eq!(listing(&disk.path().join("d")), "f 644 \"old\"\n");
}

#[test]
fn an_empty_staging_in_a_set_gid_directory_is_removed() {
    let root = scratch();
    // As a kill leaves it before its maker has set its mode.
    lay(
        root.path(),
        "i/f 644 \"f\"\nd/.img-merge-00000000000000aa/ 2700\nd/ 2755",
    );
    merge(root.path(), &["i", "d"]).expect(0);
    assert_eq!(listing(&root.path().join("d")), "f 644 \"f\"\n");
}
