//! System calls that fail, or that a file system does not have. strace(1) makes them fail.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use test_support::{Tool, lay, listing, need_command, scratch};

/// Runs the tool while the system calls fail as `faults` say, in the words of strace's `inject`.
fn faulty(faults: &[&str], image: &Path) -> Tool {
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
