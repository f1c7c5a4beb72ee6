//! Which implementation runs: EPYTHON, the configuration, the rest.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use test_support::{Tool, lay, scratch};

const PROGRAM: &str = env!("CARGO_BIN_EXE_py-exec");

/// A tree with a script `foo` for each implementation, which says who it is.
fn tree(implementations: &[&str]) -> TempDir {
    let tree = scratch();
    let root = tree.path().display();
    lay(
        tree.path(),
        &format!(
            "usr/lib/python-exec/py-exec2 755 \"#!{PROGRAM} --layout={root}/none:{root}/etc\\n\"\n\
             usr/bin/foo -> ../lib/python-exec/py-exec2"
        ),
    );
    for name in implementations {
        let line = "755 \"#!/bin/sh\\necho ${0#*/python-exec/}\\n\"";
        lay(
            tree.path(),
            &format!("usr/lib/python-exec/{name}/foo {line}"),
        );
    }
    tree
}

fn foo(tree: &Path) -> Tool {
    Tool::new(tree.join("usr/bin/foo"))
        .env_remove("EPYTHON")
        .env("XDG_CONFIG_HOME", tree.join("home"))
}

#[test]
fn the_newest_cpython_comes_first_and_pypy_last() {
    let tree = tree(&["pypy3", "python3.9", "python3.10", "python3.10t"]);
    for name in ["python3.10", "python3.10t", "python3.9", "pypy3"] {
        let run = foo(tree.path()).run().expect(0);
        assert_eq!(
            (run.stdout, run.stderr),
            (format!("{name}/foo\n"), String::new())
        );
        fs::remove_dir_all(tree.path().join("usr/lib/python-exec").join(name)).unwrap();
    }
    foo(tree.path())
        .run()
        .expect(127)
        .complains("foo: no python-exec wrapped executable found in");
}

#[test]
fn the_configuration_is_the_first_file_that_opens() {
    let tree = tree(&[
        "python3.9",
        "python3.10",
        "python3.11",
        "python3.12",
        "python3.13",
    ]);
    let says = |name: &str| {
        let run = foo(tree.path()).run().expect(0);
        assert_eq!(
            (run.stdout, run.stderr),
            (format!("{name}/foo\n"), String::new())
        );
    };
    for (file, name) in [
        ("etc/python-exec/python-exec.conf", "python3.9"),
        ("home/python-exec/python-exec.conf", "python3.10"),
        ("etc/python-exec/foo.conf", "python3.11"),
        ("home/python-exec/foo.conf", "python3.12"),
    ] {
        lay(
            tree.path(),
            &format!("{file} 644 \"# {name}\\n-python3.13\\n{name}\\n\""),
        );
        says(name);
    }
    let run = foo(tree.path())
        .env("EPYTHON", "python3.13")
        .run()
        .expect(0);
    assert_eq!(run.stdout, "python3.13/foo\n", "EPYTHON is an order");
}
