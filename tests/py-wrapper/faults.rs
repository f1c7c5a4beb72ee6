//! System calls that fail, or that a file system does not have. strace(1) makes them fail.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use test_support::{Tool, lay, listing, need_command, scratch};

use crate::undo::state;

/// Runs the tool while system calls fail. `faults` are values of strace's option `--inject`.
pub(crate) fn faulty(faults: &[&str], image: &Path) -> Tool {
    need_command("strace", "strace");
    let injections = faults.iter().map(|fault| format!("--inject={fault}"));
    Tool::new("strace")
        .args(["-f", "-qq", "--output=/dev/null", "--signal=none"])
        .args(injections)
        .arg(env!("CARGO_BIN_EXE_py-wrapper"))
        .args(["-q", "--impl", "python3.11"])
        .arg(image)
}

const SCRIPTS: &str = r##"
    usr/bin/exact 755 "#!/usr/bin/python3.11\nexact\n"
    usr/bin/generic 755 "#!/usr/bin/env python3\n"
    usr/bin/same == usr/bin/generic
    usr/lib/python3.11/site-packages/x.dist-info/RECORD 644 "../../../bin/exact,,\n../../../bin/same,,\n"
"##;

/// The tree that a run without any fault makes of [`SCRIPTS`].
fn undisturbed() -> String {
    let image = scratch();
    lay(image.path(), SCRIPTS);
    let tool = Tool::new(env!("CARGO_BIN_EXE_py-wrapper"));
    let tool = tool.args(["-q", "--impl", "python3.11"]).arg(image.path());
    tool.run().expect(0);
    listing(image.path())
}

#[test]
fn an_unchanged_script_is_linked_and_not_copied() {
    let image = scratch();
    lay(image.path(), SCRIPTS);
    let scripts = image.path().join("usr/lib/python-exec/python3.11");
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let before = inode(&image.path().join("usr/bin/exact"));
    faulty(&[], image.path()).run().expect(0);
    assert_eq!(inode(&scripts.join("exact")), before);
    assert_eq!(fs::metadata(scripts.join("exact")).unwrap().nlink(), 1);

    // Where it may not have a second name (fs.protected_hardlinks) it is copied.
    let image = scratch();
    lay(image.path(), SCRIPTS);
    let copied = faulty(&["linkat:error=EPERM"], image.path()).run();
    copied.expect(0);
    assert_eq!(listing(image.path()), parted());
}

/// The same tree, but the two names of one file have become two files.
fn parted() -> String {
    let split = "usr/lib/python-exec/python3.11/same == usr/lib/python-exec/python3.11/generic";
    let whole = "usr/lib/python-exec/python3.11/same 755 \"#!/usr/bin/python3.11\\n\"";
    undisturbed().replace(split, whole)
}

/// Makes `call` fail the first time, then on another image the second time, and so on, as often as it is made.
/// Every failure must leave the image as it was.
fn each_failure(faults: &[&str], call: &str, times: usize) {
    for when in 1..=times {
        let image = scratch();
        lay(image.path(), SCRIPTS);
        let before = state(image.path());
        let fault = format!("{call}:error=EIO:when={when}");
        let all = [faults, &[fault.as_str()]].concat();
        let run = faulty(&all, image.path()).run().expect(2);
        run.complains("input/output error");
        assert_eq!(state(image.path()), before, "{all:?}");
    }
    let image = scratch();
    lay(image.path(), SCRIPTS);
    let fault = format!("{call}:error=EIO:when={}", times + 1);
    let all = [faults, &[fault.as_str()]].concat();
    faulty(&all, image.path()).run().expect(0);
    assert_eq!(listing(image.path()), undisturbed());
}

#[test]
fn a_rename_that_fails_leaves_the_image_as_it_was() {
    // The list, three scripts, and three wrappers.
    each_failure(&[], "renameat2", 7);
}

/// What a file system without the flags of renameat2 answers.
const NO_FLAGS: &str = "renameat2:error=EINVAL";

#[test]
fn names_that_cannot_be_exchanged_are_renamed_over() {
    let image = scratch();
    lay(image.path(), SCRIPTS);
    faulty(&[NO_FLAGS], image.path()).run().expect(0);
    assert_eq!(listing(image.path()), undisturbed());
    // The RECORD and three wrappers with two renames each; a script gets its name by a link.
    each_failure(&[NO_FLAGS], "renameat", 8);
}

#[test]
fn a_file_system_without_links_and_rename_flags_works() {
    let faults = [NO_FLAGS, "linkat:error=EPERM"];
    let image = scratch();
    lay(image.path(), SCRIPTS);
    faulty(&faults, image.path()).run().expect(0);
    assert!(!listing(image.path()).contains(".py-wrapper."));
    // The RECORD and three wrappers with five renames each, and three scripts.
    for when in 1..=23 {
        let image = scratch();
        lay(image.path(), SCRIPTS);
        let before = state(image.path());
        let fault = format!("renameat:error=EIO:when={when}");
        let all = [faults[0], faults[1], &fault];
        faulty(&all, image.path()).run().expect(2);
        assert_eq!(state(image.path()), before, "{when}");
    }
}

/// Whether each script of [`SCRIPTS`] is where it was, or moved and has its wrapper.
fn nothing_is_lost(image: &Path) {
    for (name, line) in [
        ("exact", "#!/usr/bin/python3.11\nexact\n"),
        ("generic", "#!/usr/bin/env python3\n"),
        ("same", "#!/usr/bin/env python3\n"),
    ] {
        let here = fs::read_to_string(image.join("usr/bin").join(name)).unwrap();
        let moved = image.join("usr/lib/python-exec/python3.11").join(name);
        let is_wrapped = here.contains("# Made by py-wrapper") && moved.is_file();
        assert!(here == line || is_wrapped, "{name}");
    }
}

#[test]
fn a_script_that_cannot_be_put_back_is_kept_and_the_next_run_finishes() {
    // The list, and three times a script and its wrapper. From the second on there is something to put back.
    for when in 2..=7 {
        let image = scratch();
        lay(image.path(), SCRIPTS);
        let fault = format!("renameat2:error=EIO:when={when}+");
        let run = faulty(&[&fault, "renameat:error=EIO"], image.path());
        let run = run.run().expect(2);
        nothing_is_lost(image.path());
        let kept = run.stderr.split_once("is kept as ").unwrap().1;
        let kept = Path::new(kept.split_once("; run again").unwrap().0);
        let kept = fs::read_to_string(kept).unwrap();
        assert!(
            SCRIPTS.contains(&kept.replace('\n', "\\n")),
            "{when}: {kept}"
        );
        faulty(&[], image.path()).run().expect(0);
        // From the sixth on one of two names of a script has its wrapper, and the other comes after it.
        let whole = if when >= 6 { parted() } else { undisturbed() };
        assert!(listing(image.path()) == whole, "{when}");
    }
}

#[test]
fn a_name_that_a_killed_run_took_away_comes_back() {
    let faults = [NO_FLAGS, "linkat:error=EPERM"];
    let image = scratch();
    lay(image.path(), SCRIPTS);
    faulty(&faults, image.path()).run().expect(0);
    let whole = listing(image.path());
    let mut gone = 0;
    for when in 1..=23 {
        let image = scratch();
        lay(image.path(), SCRIPTS);
        let kill = format!("renameat:signal=KILL:when={when}");
        let run = faulty(&[faults[0], faults[1], &kill], image.path()).run();
        assert_eq!(run.signal, Some(9), "{when}: {}", run.stderr);
        let bin = image.path().join("usr/bin");
        let names = ["exact", "generic", "same"];
        gone += names.iter().filter(|name| !bin.join(name).exists()).count();
        // What a dry run says is what the next run does.
        let dry = Tool::new(env!("CARGO_BIN_EXE_py-wrapper"))
            .args(["--dry-run", "--impl", "python3.11"])
            .arg(image.path())
            .run()
            .expect(0);
        for name in names {
            let is_wrapped =
                fs::read(bin.join(name)).is_ok_and(|text| text.starts_with(b"#!/bin/sh"));
            let said = dry.stdout.contains(&format!(" wrap /usr/bin/{name} "));
            assert_eq!(said, !is_wrapped, "{when} {name}: {}", dry.stdout);
        }
        faulty(&faults, image.path()).run().expect(0);
        assert!(listing(image.path()) == whole, "{when}");
    }
    assert_eq!(gone, 3);
}

#[test]
fn a_script_that_cannot_be_put_back_without_links_and_flags_is_kept() {
    // Each rename fails from one on, also those of the way back.
    for when in 1..=23 {
        let image = scratch();
        lay(image.path(), SCRIPTS);
        let fault = format!("renameat:error=EIO:when={when}+");
        let faults = [NO_FLAGS, "linkat:error=EPERM", &fault];
        let run = faulty(&faults, image.path()).run().expect(2);
        let left = listing(image.path());
        for line in ["exact", "env python3"] {
            assert!(left.contains(line), "{when}: {left}");
        }
        assert!(
            left == whole_before() || run.stderr.contains("is kept as "),
            "{when}: {}",
            run.stderr
        );
        faulty(&[], image.path()).run().expect(0);
        let after = listing(image.path());
        assert!(
            after == undisturbed() || after == parted(),
            "{when}: {after}"
        );
    }
}

/// The tree of [`SCRIPTS`].
fn whole_before() -> String {
    let image = scratch();
    lay(image.path(), SCRIPTS);
    listing(image.path())
}

#[test]
fn a_leftover_that_may_be_the_last_copy_of_a_script_is_never_removed() {
    for (name, foo) in [
        (".py-wrapper.1.2", ""),
        (".py-wrapper.1.2.foo", "usr/bin/foo 755 \"\""),
    ] {
        let image = scratch();
        let line = "755 \"#!/usr/bin/python3.11\\n\"";
        lay(image.path(), &format!("usr/bin/{name} {line}\n{foo}"));
        let before = state(image.path());
        let run = faulty(&[], image.path()).run().expect(1);
        run.complains(&format!(
            "{name}: is a script that a failed or killed run kept"
        ));
        assert_eq!(state(image.path()), before);
    }
}

#[test]
fn only_what_was_done_is_reported() {
    let image = scratch();
    lay(image.path(), SCRIPTS);
    let told = |faults: &[&str], status: i32| {
        let file = scratch();
        let file = file.path().join("json");
        let run = faulty(faults, image.path()).arg("--json").arg(&file).run();
        run.expect(status);
        fs::read_to_string(&file).unwrap()
    };
    assert_eq!(told(&["renameat2:error=EIO:when=7"], 2), "");
    lay(
        image.path(),
        "usr/bin/other 755 \"#!/usr/bin/python3.12\\n\"",
    );
    let refused = told(&[], 1);
    assert_eq!(refused.matches("\"action\"").count(), 1, "{refused}");
    assert!(refused.contains("\"action\":\"refuse\""), "{refused}");
    fs::remove_file(image.path().join("usr/bin/other")).unwrap();
    assert_eq!(told(&[], 0).matches("\"action\":\"wrap\"").count(), 3);
}
