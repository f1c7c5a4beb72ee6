//! Helpers of the black-box tests: run a tool, lay a tree, read a tree back.
//!
//! Everything here fails the test with a clear word; nothing is skipped in silence.

pub mod manual;
mod meanwhile;
pub mod patience;
pub mod pythons;
mod siblings;
pub mod tool;
pub mod tree;
pub mod usage;

pub use meanwhile::meanwhile;
pub use siblings::sibling;
pub use tool::{Outcome, Tool};
pub use tree::{lay, listing};

use std::path::Path;

/// A directory that goes away with the test.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("py-multibuild-test-")
        .tempdir()
        .expect("a temporary directory")
}

/// Asserts that the test can run here, or fails with what to do about it.
///
/// # Panics
/// When `command` is not on PATH.
pub fn need_command(command: &str, package: &str) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|dir| dir.join(command).is_file());
    assert!(
        found,
        "this test needs {command}: run ./setup check, or apt-get install {package}"
    );
}

/// Says that a test, or a part of one, cannot run on this machine, and why.
///
/// Under `make check` the word is collected and shown in the summary at the end, and the test returns.
/// Without a place to collect it (`PY_MULTIBUILD_NOT_RUN` names a file) the test fails: it must not
/// pass in silence. Use it for what a machine cannot have; what `./setup check` installs is not such a
/// thing ([`need_command`]).
///
/// # Panics
/// When there is no place to say it.
pub fn cannot_run_here(test: &str, why: &str) {
    use std::io::Write;
    let Some(collected) = std::env::var_os("PY_MULTIBUILD_NOT_RUN") else {
        panic!("{test} cannot run here: {why} (make check collects this and goes on)");
    };
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(collected)
        .expect("the file that PY_MULTIBUILD_NOT_RUN names");
    file.write_all(format!("{test}: {why}\n").as_bytes())
        .expect("the reason is written");
}

/// Asserts that `path` is there, with what to do if it is not.
///
/// # Panics
/// When it is not there.
pub fn need_path(path: &Path, remedy: &str) {
    assert!(
        path.exists(),
        "this test needs {}: {remedy}",
        path.display()
    );
}

/// Whether a process waits for a file lock. The kernel lists who does with an arrow.
///
/// # Panics
/// When the list cannot be read.
#[must_use]
pub fn is_waiting_for_a_lock(process: u32) -> bool {
    let locks = std::fs::read_to_string("/proc/locks").expect("/proc/locks");
    let process = process.to_string();
    locks
        .lines()
        .any(|line| line.contains("->") && line.split_whitespace().any(|word| word == process))
}
