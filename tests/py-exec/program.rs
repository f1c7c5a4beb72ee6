//! The program in each of its forms, in a small tree of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use test_support::{Tool, lay, scratch};

/// The forms of the program: with std, as it is installed, and as it is installed on other processors.
pub(crate) fn programs() -> [PathBuf; 3] {
    static BUILT: OnceLock<[PathBuf; 2]> = OnceLock::new();
    let [bare, others] = BUILT.get_or_init(|| {
        let place = place();
        let others = place.join("through-libc");
        [
            build("bare", &place, &[]),
            build("through-libc", &others, &[]),
        ]
    });
    let hosted = PathBuf::from(env!("CARGO_BIN_EXE_py-exec"));
    [hosted, bare.clone(), others.clone()]
}

/// The target directory of this build.
fn place() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_py-exec"));
    let place = program.parent().and_then(Path::parent);
    place.expect("a target directory").to_owned()
}

/// Builds it with a feature, as `make` does, into the target directory `place`, with these variables.
pub(crate) fn build(feature: &str, place: &Path, variables: &[(&str, &str)]) -> PathBuf {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let done = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--profile=dispatcher"])
        .args(["--features", feature, "--manifest-path", manifest])
        .arg("--target-dir")
        .arg(place)
        .env_remove("PY_EXEC_SCRIPTROOT")
        .env_remove("PY_EXEC_SYSCONFDIR")
        .envs(variables.iter().copied())
        .status()
        .expect("cargo");
    assert!(done.success(), "{feature} is built");
    place.join("dispatcher/py-exec")
}

/// A tree with a script `foo` for each implementation, which prints its own path.
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

/// The wrapper of the tree, with no other configuration than the tree's.
pub(crate) fn foo(tree: &Path) -> Tool {
    ask(&tree.join("usr/bin/foo"), tree)
}

/// A program with the tree's configuration.
pub(crate) fn ask(program: &Path, tree: &Path) -> Tool {
    Tool::new(program)
        .env_remove("EPYTHON")
        .env("XDG_CONFIG_HOME", tree.join("home"))
}
