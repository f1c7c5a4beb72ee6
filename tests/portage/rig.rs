//! A Portage for one test, and the results of its runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::{Outcome, Tool, need_command, pythons, scratch, sibling};

const PROGRAM: &str = env!("CARGO_BIN_EXE_py-foreach");
const CALLED_FROM_HERE: [&str; 6] = [
    "MAKEFLAGS",
    "MFLAGS",
    "MAKEOPTS",
    "MULTIBUILD_JOBS",
    "PYTHON_TARGETS",
    "PY_MULTIBUILD",
];

/// Configuration, repository and build directories of one test. All tests share the prefix.
pub(crate) struct Rig {
    home: tempfile::TempDir,
    prefix: PathBuf,
    variables: Vec<(String, String)>,
}

impl Rig {
    /// Makes a Portage whose `bashrc` is empty, or reports that there are too few Pythons.
    pub(crate) fn new() -> Option<Self> {
        Self::with_settings("prefix", &[])
    }

    /// Makes a Portage in the prefix of that name with settings of the script `rig`.
    pub(crate) fn with_settings(prefix: &str, settings: &[(&str, &str)]) -> Option<Self> {
        let pythons = pythons()?;
        need_command("flock", "util-linux");
        for tool in ["img-merge", "py-wrapper", "py-exec"] {
            sibling(PROGRAM, tool);
        }
        let prefix = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("portage")
            .join(prefix);
        let home = scratch();
        let laid = Command::new(here().join("rig"))
            .args([&prefix, home.path()])
            .arg(Path::new(PROGRAM).parent().expect("a directory of tools"))
            .env_remove("MAKEOPTS")
            .env("RIG_PYTHONS", pythons.join(" "))
            .envs(settings.iter().copied())
            .status()
            .expect("the script rig starts");
        assert!(
            laid.success(),
            "tests/portage/rig says above what is missing"
        );
        Some(Self {
            home,
            prefix,
            variables: Vec::new(),
        })
    }

    /// Adds py-multibuild's line to Portage's bashrc.
    pub(crate) fn with_the_line(self) -> Self {
        self.add_the_line();
        self
    }

    /// Adds py-multibuild's line to the bashrc of a Portage that has run without it.
    pub(crate) fn add_the_line(&self) {
        let line = format!("source {}/bashrc\n", self.home.path().display());
        fs::write(self.home.path().join("config/etc/portage/bashrc"), line).expect("a bashrc");
    }

    /// Sets a variable for all later runs.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The directory of this test.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The prefix that Portage installs for, `EPREFIX`.
    pub(crate) fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The EPYTHONs of the interpreters, in Gentoo's order: `python3.11`, …
    pub(crate) fn pythons(&self) -> Vec<String> {
        let mut minors: Vec<u32> = fs::read_dir(self.prefix.join("usr/bin"))
            .expect("the interpreters")
            .filter_map(|entry| {
                let name = entry.expect("an entry").file_name();
                name.to_str()?.strip_prefix("python3.")?.parse().ok()
            })
            .collect();
        minors.sort_unstable();
        minors
            .iter()
            .map(|minor| format!("python3.{minor}"))
            .collect()
    }

    /// Runs `ebuild` on `NAME-VERSION` of the tests' repository, `clean` and then `phase`.
    pub(crate) fn ebuild(&self, package: &str, phase: &str) -> Outcome {
        self.ebuild_file(&self.file(package), phase)
    }

    /// The ebuild `NAME-VERSION` of the tests' repository.
    pub(crate) fn file(&self, package: &str) -> PathBuf {
        let (name, _version) = package.rsplit_once('-').expect("name-version");
        let category = self.home().join("repo/dev-python");
        category.join(name).join(format!("{package}.ebuild"))
    }

    /// Runs `ebuild FILE clean PHASE`. Afterwards no process of the run is left.
    pub(crate) fn ebuild_file(&self, file: &Path, phase: &str) -> Outcome {
        let outcome = self.command(file, phase).run();
        assert_eq!(self.processes(), Vec::<String>::new(), "left running");
        outcome
    }

    /// The command `ebuild FILE clean PHASE`, for a test that wants to hold the process itself.
    pub(crate) fn command(&self, file: &Path, phase: &str) -> Tool {
        self.phases(file, &["clean", phase])
    }

    /// The command `ebuild FILE PHASE…`.
    pub(crate) fn phases(&self, file: &Path, phases: &[&str]) -> Tool {
        let mut tool = Tool::new(self.home().join("ebuild"));
        for name in CALLED_FROM_HERE {
            tool = tool.env_remove(name);
        }
        for (name, value) in &self.variables {
            tool = tool.env(name, value);
        }
        tool.arg(file).args(phases)
    }

    /// The build directory of `NAME-VERSION` in `dev-python`.
    pub(crate) fn build(&self, package: &str) -> PathBuf {
        self.home().join("tmp/portage/dev-python").join(package)
    }

    /// Moves the image to a place where the next build does not remove it.
    pub(crate) fn keep_image(&self, package: &str) -> PathBuf {
        let kept = self.home().join(format!("kept-{package}"));
        fs::rename(self.build(package).join("image"), &kept).expect("an image to keep");
        kept.join(self.prefix.strip_prefix("/").expect("an absolute prefix"))
    }

    /// A file in the build's `T`, as text.
    pub(crate) fn temporary(&self, package: &str, name: &str) -> String {
        let path = self.build(package).join("temp").join(name);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("read {}: {e}", path.display()))
    }

    /// The image below the prefix, as the installed system would see it.
    pub(crate) fn image(&self, package: &str) -> PathBuf {
        let inside = self.prefix.strip_prefix("/").expect("an absolute prefix");
        self.build(package).join("image").join(inside)
    }

    /// Command lines of the processes that have this rig's directory in their environment: Portage has the path of its
    /// configuration there, a phase and its children that of the build directory.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mark = self.home().as_os_str().as_encoded_bytes();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").expect("/proc") {
            let process = entry.expect("an entry").path();
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            if environment.windows(mark.len()).any(|text| text == mark) {
                let line = fs::read(process.join("cmdline")).unwrap_or_default();
                found.push(String::from_utf8_lossy(&line).replace('\0', " "));
            }
        }
        found
    }
}

/// The versions to build for, such as `3.11`: four, or three if there are no more.
fn pythons() -> Option<Vec<String>> {
    // The test harness names each thread after its test.
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("portage");
    let mut found: Vec<String> = pythons::newest(test, 3)
        .map(|_| pythons::all())?
        .iter()
        .filter_map(|python| python.epython.strip_prefix("python3."))
        .map(|minor| format!("3.{minor}"))
        .collect();
    found.drain(..found.len().saturating_sub(4));
    Some(found)
}

/// `tests/portage`.
pub(crate) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/portage")
}

/// `python3.11` as Gentoo's eclasses spell it: `python3_11`.
pub(crate) fn variant(python: &str) -> String {
    python.replace('.', "_")
}

/// Asserts that the texts occur in `whole` in this order.
#[track_caller]
pub(crate) fn assert_in_order(whole: &str, texts: &[String]) {
    let mut rest = whole;
    for text in texts {
        let Some(at) = rest.find(text.as_str()) else {
            panic!("not there, or not in order: {text}\n--- in:\n{whole}");
        };
        rest = &rest[at + text.len()..];
    }
}
