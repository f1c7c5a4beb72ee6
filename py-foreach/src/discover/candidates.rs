//! Where a Python of some name may lie: the directories of PATH, then pyenv's versions, newest patch level first.
//!
//! A shim of pyenv starts what pyenv selects, costs a tenth of a second, and fails where no selected version has the
//! command. So no shim is run: a directory of shims on PATH stands for the versions themselves.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::Implementation;

use super::version_directory::newest_first;

/// Where to look.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// Absolute, best first.
    directories: Vec<PathBuf>,
    /// pyenv's shims.
    shims: Option<PathBuf>,
}

impl Places {
    /// What the environment and the working directory say.
    pub(crate) fn new(variable: impl Fn(&str) -> Option<OsString>, directory: &Path) -> Self {
        let named = |name| {
            variable(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let root = named("PYENV_ROOT").or_else(|| Some(named("HOME")?.join(".pyenv")));
        // A job may run elsewhere.
        let root = root.map(|root| directory.join(root));
        let mut places = Self {
            directories: Vec::new(),
            shims: root.as_ref().map(|root| root.join("shims")),
        };
        let versions = root.map_or(Vec::new(), |root| newest_first(&root.join("versions")));
        let mut versions = versions.into_iter().map(|version| version.join("bin"));
        for entry in std::env::split_paths(&variable("PATH").unwrap_or_default()) {
            let entry = directory.join(entry);
            if places.are_shims(&entry) {
                places.directories.extend(versions.by_ref());
            } else {
                places.directories.push(entry);
            }
        }
        places.directories.extend(versions);
        places
    }

    /// Whether the program at this path is a shim of pyenv.
    pub(super) fn is_shim(&self, program: &Path) -> bool {
        program
            .parent()
            .is_some_and(|directory| self.are_shims(directory))
    }

    fn are_shims(&self, directory: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let shims = self.shims.as_deref();
        shims.is_some_and(|shims| real(shims) == real(directory))
    }
}

/// The names of all Pythons that may be here.
pub(super) fn names(places: &Places) -> Vec<Implementation> {
    let entries = places
        .directories
        .iter()
        .filter_map(|directory| fs::read_dir(directory).ok());
    let seen: BTreeSet<Implementation> = entries
        .flatten()
        .flatten()
        .filter_map(|entry| file_named(&entry.file_name()))
        .collect();
    seen.into_iter().collect()
}

/// The implementation of which `name` is the program's exact name: `python3.12`, and not `python3_12`.
fn file_named(name: &OsStr) -> Option<Implementation> {
    let name = name.to_str()?;
    let implementation: Implementation = name.parse().ok()?;
    (implementation.to_string() == name).then_some(implementation)
}

/// The programs that may be `name`, best first, each once.
pub(super) fn of(name: &Implementation, places: &Places) -> Vec<PathBuf> {
    let mut programs: Vec<PathBuf> = Vec::new();
    for directory in &places.directories {
        let program = directory.join(name.to_string());
        if is_executable(&program) && !programs.contains(&program) {
            programs.push(program);
        }
    }
    programs
}

fn is_executable(program: &Path) -> bool {
    fs::metadata(program).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid() -> (tempfile::TempDir, Places) {
        let scratch = test_support::scratch();
        let root = scratch.path();
        test_support::lay(
            root,
            "bin/python3.12 755 \"\"\n\
             bin/python3.12-config 755 \"\"\n\
             bin/python3 755 \"\"\n\
             bin/python3.10 644 \"\"\n\
             home/.pyenv/shims/python3.12 755 \"\"\n\
             home/.pyenv/versions/3.12.1/bin/python3.12 755 \"\"\n\
             home/.pyenv/versions/3.12.10/bin/python3.12 755 \"\"\n\
             home/.pyenv/versions/pypy3.10-7.3.12/bin/pypy3 755 \"\"\n",
        );
        let at = root.display().to_string();
        let variable = |name: &str| match name {
            "PATH" => Some(format!("{at}/first:{at}/home/.pyenv/shims:{at}/bin:{at}/bin").into()),
            "HOME" => Some(format!("{at}/home").into()),
            _ => None,
        };
        let places = Places::new(variable, root);
        (scratch, places)
    }

    #[test]
    fn shims_stand_for_the_versions_newest_first() {
        let (scratch, places) = laid();
        let versions = scratch.path().join("home/.pyenv/versions");
        assert_eq!(
            of(&"python3.12".parse().unwrap(), &places),
            [
                versions.join("3.12.10/bin/python3.12"),
                versions.join("3.12.1/bin/python3.12"),
                scratch.path().join("bin/python3.12"),
            ]
        );
        assert!(of(&"python3.10".parse().unwrap(), &places).is_empty());
        assert!(places.is_shim(&scratch.path().join("home/.pyenv/shims/python3.12")));
        assert!(!places.is_shim(&scratch.path().join("bin/python3.12")));
    }

    #[test]
    fn only_exact_names_are_pythons() {
        let (_scratch, places) = laid();
        let names: Vec<_> = names(&places).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["pypy3", "python3.10", "python3.12"]);
    }
}
