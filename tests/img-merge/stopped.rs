//! A merge that is stopped: by KILL the next one puts right what it left, by a signal it undoes itself.
//!
//! `IMG_MERGE_KILLS=200` kills each kind of merge that often; the default is fewer.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use test_support::{Tool, lay, patience, scratch};

use crate::snapshot::{Snapshot, assert_same, snapshot};

/// A merge, as the words that select it.
const MERGES: [&[&str]; 4] = [
    &["--method=link"],
    &["--method=copy", "--on-conflict=replace"],
    &["--method=move", "--on-conflict=replace"],
    &[
        "--method=move",
        "--on-conflict=keep",
        "--dir-metadata=image",
    ],
];

fn times(variable: &str, default: u32) -> u32 {
    let wanted = std::env::var(variable).ok();
    wanted.and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Two images of which one is in DEST already, with a link group, a set-id file and conflicts.
struct Scene {
    _home: tempfile::TempDir,
    master: PathBuf,
    work: PathBuf,
    conflicts: bool,
}

impl Scene {
    fn new(conflicts: bool) -> Self {
        let home = scratch();
        let (master, work) = (home.path().join("master"), home.path().join("work"));
        for directory in 0..12 {
            for file in 0..12 {
                let line = format!("usr/lib/d{directory}/f{file} 644 \"{directory} {file}\"");
                lay(&master.join("image"), &line);
            }
        }
        lay(
            &master.join("image"),
            "usr/bin/su 4755 \"su\"\nusr/bin/su2 == usr/bin/su\nusr/bin/to -> su\nusr/share/same 644 \"s\"\nusr/lib/ 750",
        );
        lay(
            &master.join("dest"),
            "usr/share/same 644 \"s\"\nusr/share/mine 600 \"m\"\nusr/lib/d3/mine 644 \"m\"\nusr/lib/d4/f1 644 \"4 1\"",
        );
        if conflicts {
            for file in 0..12 {
                let line = format!("usr/lib/d5/f{file} 600 \"old {file}\"\nusr/bin/to -> older");
                if file == 0 {
                    lay(&master.join("dest"), &line);
                } else {
                    lay(
                        &master.join("dest"),
                        line.lines().next().unwrap_or_default(),
                    );
                }
            }
        }
        Self {
            _home: home,
            master,
            work,
            conflicts,
        }
    }

    /// Lays the scene afresh, the same every time.
    fn reset(&self) {
        if self.work.exists() {
            fs::remove_dir_all(&self.work).expect("the old scene");
        }
        let copied = Command::new("cp")
            .arg("-a")
            .arg(&self.master)
            .arg(&self.work)
            .status();
        assert!(copied.expect("cp").success());
    }

    fn start(&self, words: &[&str]) -> Child {
        self.tool(words)
            .into_command()
            .stderr(Stdio::null())
            .spawn()
            .expect("the tool starts")
    }

    fn tool(&self, words: &[&str]) -> Tool {
        Tool::new(env!("CARGO_BIN_EXE_img-merge"))
            .args(words)
            .args(["image", "dest"])
            .in_directory(&self.work)
    }

    fn dest(&self) -> Snapshot {
        snapshot(&self.work.join("dest"))
    }

    /// DEST without the time of its top, which alone is not promised after a kill: the temporary
    /// directory came and went in it.
    fn dest_below(&self) -> Snapshot {
        let mut dest = self.dest();
        let top = dest.get_mut(Path::new("")).expect("the top");
        top.modified = (0, 0);
        dest
    }

    fn image(&self) -> Option<Snapshot> {
        let image = self.work.join("image");
        image.exists().then(|| snapshot(&image))
    }
}

/// What an undisturbed run gives, and how long it takes.
fn undisturbed(scene: &Scene, words: &[&str]) -> (Snapshot, Duration) {
    let run = || {
        scene.reset();
        let start = Instant::now();
        scene.tool(words).run().expect(0);
        start.elapsed()
    };
    let shortest = [run(), run(), run()].into_iter().min();
    (scene.dest(), shortest.unwrap_or_default())
}

fn has_left_overs(root: &Path) -> bool {
    let mut names = fs::read_dir(root).expect("a directory");
    names.any(|entry| {
        let name = entry.expect("an entry").file_name();
        name.to_string_lossy().starts_with(".img-merge-")
    })
}

/// A moment of the run, spread evenly over it and a little beyond.
fn moment(whole: Duration, round: u32, rounds: u32) -> Duration {
    whole.mul_f64(1.1 * f64::from(round) / f64::from(rounds))
}

#[test]
fn after_a_kill_the_next_run_ends_where_an_undisturbed_one_would_have() {
    let rounds = times("IMG_MERGE_KILLS", 10);
    for words in MERGES {
        let scene = Scene::new(words.len() > 1);
        let (_, whole) = undisturbed(&scene, words);
        let expected = scene.dest_below();
        let mut killed = 0;
        for round in 0..rounds {
            scene.reset();
            let before = scene.dest();
            let mut child = scene.start(words);
            thread::sleep(moment(whole, round, rounds));
            // It may have ended by itself.
            drop(child.kill());
            let status = patience::end(child, "a merge that was killed").status;
            killed += u32::from(status.signal() == Some(9));
            nothing_is_lost(&before, &scene, words);
            if scene.image().is_some() {
                scene.tool(words).run().expect(0);
            }
            let what = format!("{words:?}, round {round} of {rounds}");
            assert_same(&scene.dest_below(), &expected, &what);
            assert!(!has_left_overs(&scene.work.join("dest")), "{what}");
            if words[0] == "--method=move" {
                assert!(scene.image().is_none(), "{what}");
            }
        }
        assert!(
            killed > rounds / 8,
            "{words:?}: only {killed} of {rounds} were killed"
        );
        assert_eq!(scene.conflicts, words.len() > 1);
    }
}

/// Right after the kill: what DEST had is there, or was to be replaced and lies in the staging.
fn nothing_is_lost(before: &Snapshot, scene: &Scene, words: &[&str]) {
    let after = scene.dest();
    let replaces = words.contains(&"--on-conflict=replace");
    for (path, entry) in before {
        let kept = after.get(path).is_some_and(|now| now.kind == entry.kind);
        assert!(
            kept || replaces && after.contains_key(path),
            "{} is lost",
            path.display()
        );
    }
}

#[test]
fn a_signal_undoes_everything_and_ends_the_tool_by_itself() {
    let rounds = times("IMG_MERGE_KILLS", 10);
    for words in MERGES {
        let scene = Scene::new(words.len() > 1);
        let (expected, whole) = undisturbed(&scene, words);
        let (mut done, mut undone) = (0, 0);
        for round in 0..rounds {
            let signal = [2, 15, 1][round as usize % 3];
            scene.reset();
            let (before, image) = (scene.dest(), scene.image());
            let child = scene.start(words);
            thread::sleep(moment(whole, round, rounds));
            send(&child, signal);
            let status = patience::end(child, "a merge that was signalled").status;
            let what = format!("{words:?}, round {round}: {status}");
            if status.code() == Some(0) {
                assert_same(&scene.dest(), &expected, &what);
                continue;
            }
            assert_eq!(status.signal(), Some(signal), "{what}");
            if scene.dest() == expected {
                // The signal came when the transaction was done.
                done += 1;
            } else {
                assert_same(&scene.dest(), &before, &what);
                assert_eq!(scene.image(), image, "{what}");
                undone += 1;
            }
            assert!(!has_left_overs(&scene.work.join("dest")), "{what}");
        }
        assert!(undone > 0, "{words:?}: {done} were done, none was undone");
    }
}

fn send(child: &Child, signal: i32) {
    let status = Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(child.id().to_string())
        .stderr(Stdio::null())
        .status();
    // It may have ended by itself, and then there is nobody to send it to.
    drop(status);
}
