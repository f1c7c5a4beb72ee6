//! The script root and the directory of the configuration, which are set when the program is built.

use std::fs;
use std::os::unix::fs::symlink;

use test_support::{lay, scratch};

use crate::program::{ask, build};

#[test]
fn the_build_sets_the_default_layout() {
    let tree = scratch();
    let root = tree.path().canonicalize().unwrap();
    let (scripts, etc) = (root.join("opt/scripts"), root.join("opt/etc"));
    let line = "755 \"#!/bin/sh\\necho $0\\n\"";
    lay(
        tree.path(),
        &format!(
            "opt/scripts/python3.9/foo {line}\nopt/scripts/python3.10/foo {line}\n\
             opt/etc/python-exec/python-exec.conf 644 \"python3.9\\n\""
        ),
    );
    let variables = [
        ("PY_EXEC_SCRIPTROOT", scripts.to_str().unwrap()),
        ("PY_EXEC_SYSCONFDIR", etc.to_str().unwrap()),
    ];
    // The same directory twice: a change of the variables must rebuild the program.
    let place = tree.path().join("target");
    let plain = build("bare", &place, &[]);
    fs::copy(plain, tree.path().join("plain")).unwrap();
    let program = build("bare", &place, &variables);
    // There is no script root near it.
    fs::create_dir_all(tree.path().join("bin")).unwrap();
    fs::copy(program, tree.path().join("bin/py-exec")).unwrap();
    symlink("py-exec", tree.path().join("bin/foo")).unwrap();
    let run = ask(&tree.path().join("bin/foo"), tree.path())
        .run()
        .expect(0);
    let script = scripts.join("python3.9/foo");
    assert_eq!(run.stdout, format!("{}\n", script.display()));

    fs::rename(tree.path().join("plain"), tree.path().join("bin/py-exec")).unwrap();
    let run = ask(&tree.path().join("bin/foo"), tree.path()).run();
    run.expect(127)
        .complains("no python-exec wrapped executable found in /usr/lib/python-exec.");
}
