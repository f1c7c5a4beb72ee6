//! The program in both its forms, in a small tree of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use test_support::{Tool, lay, scratch};

/// The forms of the program: the one that libc starts, and, where there is one, the bare one.
pub(crate) fn programs() -> [PathBuf; 2] {
    static BARE: OnceLock<PathBuf> = OnceLock::new();
    let hosted = PathBuf::from(env!("CARGO_BIN_EXE_py-exec"));
    [hosted, BARE.get_or_init(build_bare).clone()]
}

/// Builds it as `make build` does, into the same place.
fn build_bare() -> PathBuf {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let target = Path::new(env!("CARGO_BIN_EXE_py-exec"));
    let target = target
        .parent()
        .and_then(Path::parent)
        .expect("a target directory");
    let done = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--locked",
            "--profile=dispatcher",
            "--features=bare",
        ])
        .args(["--manifest-path", manifest, "--target-dir"])
        .arg(target)
        .status()
        .expect("cargo");
    assert!(done.success(), "the bare program is built");
    target.join("dispatcher/py-exec")
}

/// A tree with a script `foo` for each implementation, which says who it is.
pub(crate) fn tree(program: &Path, implementations: &[&str]) -> TempDir {
    let tree = scratch();
    let root = tree.path().canonicalize().expect("a directory");
    let (root, program) = (root.display(), program.display());
    lay(
        tree.path(),
        &format!(
            "usr/lib/python-exec/py-exec2 755 \"#!{program} --layout={root}/none:{root}/etc\\n\"\n\
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

/// The wrapper of the tree, with nobody's configuration but the tree's.
pub(crate) fn foo(tree: &Path) -> Tool {
    ask(&tree.join("usr/bin/foo"), tree)
}

/// A program with the tree's configuration.
pub(crate) fn ask(program: &Path, tree: &Path) -> Tool {
    Tool::new(program)
        .env_remove("EPYTHON")
        .env("XDG_CONFIG_HOME", tree.join("home"))
}
