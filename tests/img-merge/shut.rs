//! Directories of a plain user whose mode keeps him out, and merges that end early among them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::Path;

use test_support::{Outcome, Tool, lay, need_command, scratch};

use crate::snapshot::{assert_same, contents, snapshot};

const USER: [&str; 4] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];

/// The tool in `home`: where it was built a plain user may not come, as below /root.
const TOOL: &str = "./img-merge";

/// The tool as a plain user, under strace with `injected` where there is any, in a `home` of his.
fn as_user(root: &Path, injected: &[&str], words: &[&str]) -> Outcome {
    need_command("setpriv", "util-linux");
    need_command("strace", "strace");
    let mut command: Vec<&str> = USER.to_vec();
    let inject: Vec<String> = injected.iter().map(|i| format!("--inject={i}")).collect();
    if !injected.is_empty() {
        command.extend(["strace", "-f", "-qq", "-o", "log"]);
        command.extend(inject.iter().map(String::as_str));
    }
    command.push(TOOL);
    Tool::new(command[0])
        .args(&command[1..])
        .args(words)
        .in_directory(root)
        .run()
}

fn give_away(path: &Path) {
    lchown(path, Some(65_534), Some(65_534)).expect("chown: this test runs as root");
    if path.symlink_metadata().expect("metadata").is_dir() {
        for entry in fs::read_dir(path).expect("a directory") {
            give_away(&entry.expect("an entry").path());
        }
    }
}

/// Whether strace has done what it was to do.
fn was_hit(root: &Path) -> bool {
    let log = fs::read_to_string(root.join("log")).expect("strace's log");
    log.contains("(INJECTED)") || log.contains("by SIGKILL") || log.contains("--- SIGTERM")
}

fn home(tree: &str) -> tempfile::TempDir {
    let home = scratch();
    lay(home.path(), tree);
    give_away(home.path());
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(home.path(), mode).expect("a mode");
    let (built, tool) = (env!("CARGO_BIN_EXE_img-merge"), home.path().join(TOOL));
    fs::hard_link(built, &tool)
        .or_else(|_| fs::copy(built, &tool).map(drop))
        .expect("the tool within reach");
    home
}

const SHUT: &str = "i/f 644 \"f\"\ni/inner/g 644 \"g\"\ni/inner/ 555\nd/x 644 \"x\"\nd/inner/y 644 \"y\"\nd/inner/ 555\nd/ 555";

#[test]
fn a_read_only_destination_is_merged_into_and_read_only_again() {
    for method in ["link", "copy", "move"] {
        let home = home(SHUT);
        let root = home.path();
        let word = format!("--method={method}");
        as_user(root, &[], &[&word, "i", "d"]).expect(0);
        assert_eq!(
            test_support::listing(&root.join("d")),
            "f 644 \"f\"\ninner/ 555\ninner/g 644 \"g\"\ninner/y 644 \"y\"\nx 644 \"x\"\n"
        );
        assert_eq!(mode(&root.join("d")), 0o555);
        if method != "move" {
            let said = as_user(root, &[], &[&word, "i", "d"]).expect(0).stderr;
            assert!(said.contains("nothing changed"), "{said}");
        }
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").permissions().mode() & 0o7777
}

#[test]
fn after_a_kill_the_next_run_gives_modes_back() {
    let mut hits = 0;
    for (method, call) in [
        ("link", "linkat"),
        ("link", "utimensat"),
        ("copy", "renameat2"),
        ("copy", "unlinkat"),
        ("move", "unlinkat"),
    ] {
        for at in 1.. {
            let home = home(SHUT);
            let root = home.path();
            let words = [&format!("--method={method}"), "i", "d"];
            let inject = format!("{call}:signal=KILL:when={at}");
            as_user(root, &[&inject], &words);
            if !was_hit(root) {
                break;
            }
            if root.join("d/f").exists() && !has_journal(&root.join("d")) {
                // The journal is gone, and DEST waits to be shut: the one moment that is not covered.
                break;
            }
            hits += 1;
            as_user(root, &[], &words).expect(0);
            let what = format!("{method}: {call} {at}");
            assert_eq!(mode(&root.join("d")), 0o555, "{what}");
            assert_eq!(mode(&root.join("d/inner")), 0o555, "{what}");
            assert!(!has_staging(&root.join("d")), "{what}");
        }
    }
    assert!(hits > 8, "{hits}");
}

fn has_journal(dest: &Path) -> bool {
    let mut names = fs::read_dir(dest).expect("a directory");
    names.any(|entry| entry.expect("an entry").path().join("journal").exists())
}

fn has_staging(dest: &Path) -> bool {
    let mut names = fs::read_dir(dest).expect("a directory");
    names.any(|entry| {
        let name = entry.expect("an entry").file_name();
        name.to_string_lossy().starts_with(".img-merge-")
    })
}

#[test]
fn a_signal_at_any_moment_is_undone_among_read_only_directories() {
    let mut undone = 0;
    for metadata in ["keep", "image"] {
        for call in ["fchmod", "utimensat", "linkat", "write"] {
            for at in 1.. {
                let home = home(SHUT);
                let root = home.path();
                let before = snapshot(&root.join("d"));
                let inject = format!("{call}:signal=TERM:when={at}");
                let word = format!("--dir-metadata={metadata}");
                let outcome = as_user(root, &[&inject], &[&word, "i", "d"]);
                if !was_hit(root) {
                    break;
                }
                let what = format!("{metadata}: {call} {at}: {}", outcome.stderr);
                if root.join("d/f").exists() {
                    assert!(root.join("d/inner/g").exists(), "{what}");
                    assert!(!outcome.stderr.contains("denied"), "{what}");
                } else {
                    undone += 1;
                    assert_same(&snapshot(&root.join("d")), &before, &what);
                }
                assert_eq!(mode(&root.join("d/inner")), 0o555, "{what}");
                assert!(!has_staging(&root.join("d")), "{what}");
            }
        }
    }
    assert!(undone > 8, "{undone}");
}

#[test]
fn an_undo_reports_its_failures_before_the_signal_ends_it() {
    let home = home("i/a 644 \"a\"\ni/b 644 \"b\"\nd/x 644 \"x\"");
    let root = home.path();
    let injected = ["linkat:signal=TERM:when=1", "unlinkat:error=EIO:when=1"];
    let outcome = as_user(root, &injected, &["-j1", "--json=told", "i", "d"]);
    assert_eq!(outcome.signal, Some(15), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("undo the merge of d/"),
        "{}",
        outcome.stderr
    );
    let told = fs::read_to_string(root.join("told")).expect("the JSON");
    assert!(told.contains("undo the merge of d/"), "{told}");
    assert!(told.ends_with("}\n"), "{told}");
}

#[test]
fn metadata_that_makes_a_directory_read_only_is_undone_first() {
    let home = home("i/inner/f 644 \"f\"\ni/inner/ 555\ni/ 700\nd/inner/ 755\nd/ 777");
    let root = home.path();
    lchown(root.join("d"), Some(0), Some(0)).expect("chown");
    let before = contents(&root.join("d"));
    let said = as_user(root, &[], &["--dir-metadata=image", "i", "d"]).expect(2);
    assert!(!said.stderr.contains("undo"), "{}", said.stderr);
    assert_same(&contents(&root.join("d")), &before, "undone");
    assert_eq!(mode(&root.join("d")), 0o777);
}
