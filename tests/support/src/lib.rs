//! Helpers of the black-box tests: run a tool, lay a tree, read a tree back.
//!
//! Everything here fails the test with a clear word; nothing is skipped in silence.

pub mod tool;
pub mod tree;

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
