//! A temporary directory for one test, with a shell that finds the programs under test.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use test_support::{Outcome, Tool, scratch, sibling};

/// The rest of the README's pipe, behind py-foreach.
pub(crate) const WRAP_AND_MERGE: &str =
    "py-wrapper --images-from=- | img-merge --method=move --images-from=- dest";

/// A directory for one test with the programs first on PATH.
pub(crate) struct Bench {
    directory: TempDir,
}

/// The directory that holds the programs under test.
pub(crate) fn programs() -> PathBuf {
    let foreach = env!("CARGO_BIN_EXE_py-foreach");
    for name in ["img-merge", "py-wrapper", "py-exec"] {
        sibling(foreach, name);
    }
    Path::new(foreach).parent().expect("a directory").to_owned()
}

impl Bench {
    pub(crate) fn new() -> Self {
        let bench = Self {
            directory: scratch(),
        };
        std::fs::create_dir(bench.path("tmp")).expect("a place for temporary files");
        bench
    }

    /// A path in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A shell that runs `script` here, with the programs on PATH and a TMPDIR of its own.
    pub(crate) fn shell(&self, script: &str) -> Tool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut with_programs = programs().into_os_string();
        with_programs.push(":");
        with_programs.push(path);
        let mut tool = Tool::new("bash")
            .args(["-c", script])
            .in_directory(self.directory.path())
            .env("PATH", with_programs)
            .env("TMPDIR", self.path("tmp"));
        for name in [
            "T",
            "BUILD_DIR",
            "PYTHON_TARGETS",
            "MAKEFLAGS",
            "MAKEOPTS",
            "EPYTHON",
        ] {
            tool = tool.env_remove(name);
        }
        tool
    }

    /// Runs `script` to its end.
    pub(crate) fn run(&self, script: &str) -> Outcome {
        self.shell(script).run()
    }

    /// The entries of TMPDIR, which has to be empty at the end.
    pub(crate) fn left_over(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.path("tmp"))
            .expect("the temporary directory")
            .map(|entry| entry.expect("an entry").path())
            .collect()
    }

    /// Copies the sample package to `source`.
    pub(crate) fn sample(&self) -> PathBuf {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/greetings");
        let to = self.path("source");
        let copied = Command::new("cp").arg("-R").arg(from).arg(&to).status();
        assert!(copied.expect("cp runs").success());
        to
    }
}
