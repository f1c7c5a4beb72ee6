//! Every single system call that changes something fails once, and is killed once.
//!
//! strace does both, so there is no chance in it: for the first call of a kind, the second, and so on until
//! the merge has no more of them. What fails is undone; what is killed is put right by the next run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::{Outcome, Tool, lay, need_command, scratch};

use crate::snapshot::{Snapshot, assert_same, snapshot};

/// The calls by which a merge changes something.
const CALLS: [&str; 10] = [
    "renameat2",
    "linkat",
    "unlinkat",
    "mkdirat",
    "write",
    "utimensat",
    "fchmod",
    "fchown",
    "symlinkat",
    "copy_file_range",
];

/// Those that take the place of renameat2 where it knows no flags: a file is linked, and a directory gets
/// its place over an empty one that is made there first.
const OLD_CALLS: [&str; 5] = ["renameat", "mkdirat", "write", "linkat", "unlinkat"];

const MERGES: [&[&str]; 4] = [
    &["--method=link", "--on-conflict=replace"],
    &[
        "--method=copy",
        "--on-conflict=replace",
        "--dir-metadata=image",
    ],
    &["--method=move", "--on-conflict=replace"],
    &["--method=move", "--on-conflict=keep"],
];

/// What the file system makes of renameat2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Renames {
    KnowFlags,
    /// As on NFS: every flag is EINVAL.
    AreOld,
}

/// Merges that replace and rename nothing that was there.
const REMOVED_AGAIN: [&[&str]; 2] = [
    &["--method=link", "--on-conflict=keep"],
    &["--method=copy", "--on-conflict=keep"],
];

struct Scene {
    home: tempfile::TempDir,
    images: &'static [&'static str],
    renames: Renames,
}

impl Scene {
    fn new(renames: Renames) -> Self {
        let home = scratch();
        let master = home.path().join("master");
        lay(
            &master.join("image"),
            "usr/lib/new/a 644 \"a\"\nusr/lib/new/b == usr/lib/new/a\nusr/lib/new/sub/c 4755 \"c\"\nusr/lib/new/sub/ 2750\nusr/lib/d -> new\n\
             usr/bin/x 755 \"new x\"\nusr/bin/y -> new\nusr/bin/z 644 \"z\"\nusr/bin/s 644 \"s\"\nusr/bin/s2 == usr/bin/s",
        );
        lay(
            &master.join("image2"),
            "usr/lib/new2/a 644 \"a\"\nopt/two/b 644 \"b\"",
        );
        lay(&master.join("image"), "opt/one/a 644 \"a\"");
        lay(
            &master.join("dest"),
            "usr/bin/x 700 \"old x\"\nusr/bin/y -> old\nusr/lib/mine 644 \"m\"\nusr/bin/s 644 \"s\"\nusr/ 750",
        );
        Self {
            home,
            images: &["image", "image2"],
            renames,
        }
    }

    fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    fn reset(&self) {
        if self.work().exists() {
            fs::remove_dir_all(self.work()).expect("the old scene");
        }
        let copied = Command::new("cp")
            .arg("-a")
            .arg(self.home.path().join("master"))
            .arg(self.work())
            .status();
        assert!(copied.expect("cp").success());
    }

    fn run(&self, words: &[&str]) -> Outcome {
        let images = self
            .images
            .iter()
            .filter(|image| self.work().join(image).exists());
        Tool::new(env!("CARGO_BIN_EXE_img-merge"))
            .args(words)
            .args(["-j1"])
            .args(images)
            .arg("dest")
            .in_directory(self.work())
            .run()
    }

    /// With calls of the kind `call` hit by `what`, as strace has it; nothing if there was no such call.
    fn hit(&self, words: &[&str], call: &str, what: &str) -> Option<Outcome> {
        let log = self.home.path().join("log");
        let old: &[&str] = match self.renames {
            Renames::KnowFlags => &[],
            Renames::AreOld => &["--inject=renameat2:error=EINVAL"],
        };
        let outcome = Tool::new("strace")
            .args(["-f", "-qq", "-o"])
            .arg(&log)
            .arg(format!("--trace={call},renameat2"))
            .args(old)
            .arg(format!("--inject={call}:{what}"))
            .arg(env!("CARGO_BIN_EXE_img-merge"))
            .args(words)
            .args(["-j1"])
            .args(self.images)
            .arg("dest")
            .in_directory(self.work())
            .run();
        let log = fs::read_to_string(log).expect("strace's log");
        let of_call = |line: &&str| line.contains(&format!("{call}("));
        let hit = log.contains("SIGKILL")
            || log
                .lines()
                .filter(of_call)
                .any(|line| line.contains("(INJECTED)"));
        hit.then_some(outcome)
    }

    /// Whether temporary names were left, which are removed here.
    fn sweep(&self) -> bool {
        let mut left = false;
        for entry in fs::read_dir(self.work().join("dest")).expect("dest") {
            let entry = entry.expect("an entry");
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with(".img-merge-")
            {
                fs::remove_dir_all(entry.path()).expect("what was left");
                left = true;
            }
        }
        left
    }

    fn dest(&self) -> Snapshot {
        self.sweep();
        let mut tree = snapshot(&self.work().join("dest"));
        // The time of the top alone is not promised after a kill.
        if let Some(top) = tree.get_mut(Path::new("")) {
            top.modified = (0, 0);
        }
        tree
    }

    fn images(&self) -> Vec<Option<Snapshot>> {
        let image = |name: &&str| {
            let path = self.work().join(name);
            path.exists().then(|| snapshot(&path))
        };
        self.images.iter().map(image).collect()
    }
}

#[test]
fn a_call_that_fails_is_undone() {
    let hits = fail_any_call(&Scene::new(Renames::KnowFlags), &MERGES, &CALLS, EIO);
    assert!(hits > 100, "{hits}");
}

#[test]
fn a_call_that_fails_is_undone_without_rename_flags() {
    let hits = fail_any_call(&Scene::new(Renames::AreOld), &MERGES, &OLD_CALLS, EIO);
    assert!(hits > 100, "{hits}");
}

#[test]
fn an_undo_tries_again_after_a_full_disk() {
    let full = Fault {
        error: "ENOSPC",
        lasts: Lasts::ForTwo,
        said: "no space left on device",
    };
    let scene = Scene::new(Renames::KnowFlags);
    let hits = fail_any_call(&scene, &MERGES, &["renameat2"], full);
    assert!(hits > 20, "{hits}");
}

#[test]
fn an_undo_that_only_removes_needs_no_room() {
    let full = Fault {
        error: "EDQUOT",
        lasts: Lasts::ToTheEnd,
        said: "disk quota exceeded",
    };
    let scene = Scene::new(Renames::KnowFlags);
    let calls = ["renameat2", "linkat", "mkdirat", "copy_file_range"];
    let hits = fail_any_call(&scene, &REMOVED_AGAIN, &calls, full);
    assert!(hits > 30, "{hits}");
}

/// What calls answer.
#[derive(Clone, Copy)]
struct Fault {
    error: &'static str,
    lasts: Lasts,
    /// What is said of it.
    said: &'static str,
}

#[derive(Clone, Copy)]
enum Lasts {
    Once,
    /// This call and the next of its kind.
    ForTwo,
    ToTheEnd,
}

const EIO: Fault = Fault {
    error: "EIO",
    lasts: Lasts::Once,
    said: "input/output error",
};

impl Fault {
    fn from(self, at: u32) -> String {
        let when = match self.lasts {
            Lasts::Once => at.to_string(),
            Lasts::ForTwo => format!("{at}..{}", at + 1),
            Lasts::ToTheEnd => format!("{at}+"),
        };
        format!("error={}:when={when}", self.error)
    }
}

/// How many calls failed.
fn fail_any_call(scene: &Scene, merges: &[&[&str]], calls: &[&str], fault: Fault) -> u32 {
    need_command("strace", "strace");
    let mut hits = 0;
    for words in merges {
        scene.reset();
        let (before, images) = (scene.dest(), scene.images());
        scene.run(words).expect(0);
        let expected = scene.dest();
        for call in calls {
            for at in 1.. {
                scene.reset();
                let Some(outcome) = scene.hit(words, call, &fault.from(at)) else {
                    break;
                };
                hits += 1;
                let what = format!("{words:?}, {call} {at}: {}", outcome.stderr);
                // What could not be removed at the very end is said, and removed by the next run.
                assert!(
                    !scene.sweep() || outcome.stderr.contains("remove the temporary"),
                    "{what}"
                );
                let after = scene.dest();
                if after == expected {
                    // It hit when the transaction was done, or something that can be done without.
                    continue;
                }
                assert_eq!(outcome.status, Some(2), "{what}");
                if outcome.stderr.contains("remove ") {
                    // The transaction was done.
                    assert_same(&after, &expected, &what);
                    continue;
                }
                assert!(outcome.stderr.contains(fault.said), "{what}");
                assert_same(&after, &before, &what);
                assert!(scene.images() == images, "{what}: an image is not whole");
            }
        }
    }
    hits
}

#[test]
fn after_a_kill_at_any_call_the_next_run_ends_where_an_undisturbed_one_would_have() {
    kill_at_any_call(&Scene::new(Renames::KnowFlags), &CALLS);
}

#[test]
fn after_a_kill_the_next_run_ends_there_without_rename_flags() {
    kill_at_any_call(&Scene::new(Renames::AreOld), &OLD_CALLS);
}

fn kill_at_any_call(scene: &Scene, calls: &[&str]) {
    need_command("strace", "strace");
    let mut all = 0;
    for call in calls {
        let hits: u32 = MERGES
            .iter()
            .map(|words| kill_at_any(scene, words, call))
            .sum();
        assert!(hits > 0, "nothing was killed at {call}");
        all += hits;
    }
    assert!(all > 100, "{all}");
}

/// How many times `words` were killed at `call`.
fn kill_at_any(scene: &Scene, words: &[&str], call: &str) -> u32 {
    scene.reset();
    scene.run(words).expect(0);
    let expected = scene.dest();
    for at in 1.. {
        scene.reset();
        let Some(outcome) = scene.hit(words, call, &format!("signal=KILL:when={at}")) else {
            return at - 1;
        };
        assert_eq!(outcome.status, None, "{}", outcome.stderr);
        let what = format!("{words:?}, {:?}, {call} {at}", scene.renames);
        if scene.images().iter().any(Option::is_some) {
            let again = scene.run(words);
            assert_eq!(again.status, Some(0), "{what}: {}", again.stderr);
        }
        assert_same(&scene.dest(), &expected, &what);
    }
    unreachable!("it is hit or it is not");
}
