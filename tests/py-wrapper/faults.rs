//! System calls that fail, or that a file system does not have. strace(1) makes them fail.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use test_support::{Tool, lay, listing, need_command, scratch};

use crate::undo::state;

/// Runs the tool while the system calls fail as `faults` say, in the words of strace's `inject`.
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
fn a_script_that_stays_as_it_is_is_not_copied() {
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
    let split = "usr/lib/python-exec/python3.11/same == usr/lib/python-exec/python3.11/generic";
    let whole = "usr/lib/python-exec/python3.11/same 755 \"#!/usr/bin/python3.11\\n\"";
    assert_eq!(listing(image.path()), undisturbed().replace(split, whole));
}

/// Makes the `call` fail the first time, the second, and so on, on an image each, until it is made no more often.
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
    // The list and three wrappers; a script gets its name by a link.
    each_failure(&[NO_FLAGS], "renameat", 4);
}

#[test]
fn a_file_system_without_links_and_flags_will_do() {
    let faults = [NO_FLAGS, "linkat:error=EPERM"];
    let image = scratch();
    lay(image.path(), SCRIPTS);
    faulty(&faults, image.path()).run().expect(0);
    assert!(!listing(image.path()).contains(".py-wrapper."));
    // The list and three wrappers twice each, once to keep what was there, and three scripts.
    for when in 1..=11 {
        let image = scratch();
        lay(image.path(), SCRIPTS);
        let before = state(image.path());
        let fault = format!("renameat:error=EIO:when={when}");
        let all = [faults[0], faults[1], &fault];
        faulty(&all, image.path()).run().expect(2);
        assert_eq!(state(image.path()), before, "{when}");
    }
}
