//! Helpers of the black-box tests: run a tool, make a tree, read a tree back, wait.
//!
//! A helper that cannot do its work fails the test with a clear message. No test is skipped in silence.

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

/// A temporary directory, which is removed at the end of the test.
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

/// Asserts that `command` is installed; the message names the Debian package.
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

/// Reports that a test, or a part of one, cannot run on this machine, and why. The test then returns.
///
/// `make check` collects the reports in the file that `PY_MULTIBUILD_NOT_RUN` names and shows them at the end. Without
/// that file the test fails, because it must not pass in silence. Use it for a thing that some machines cannot have. For
/// a program that `./setup check` installs use [`need_command`].
///
/// # Panics
/// When `PY_MULTIBUILD_NOT_RUN` is not set.
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

/// Asserts that `path` exists; the message has the `remedy`.
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

/// Whether a process waits for a file lock. The kernel lists a waiting process with an arrow.
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
