//! Where a Python of some name may lie: PATH first, then pyenv's versions, newest patch level first.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::Implementation;

use super::pyenv::Pyenv;
use super::version_directory::newest_first;

/// Where to look.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The directories of PATH, absolute.
    path: Vec<PathBuf>,
    pyenv: Option<Pyenv>,
}

/// A program that bears the right name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// It may be asked.
    Run(PathBuf),
    /// It need not be asked, for this reason.
    Skip(PathBuf, String),
}

impl Places {
    /// What the environment and the working directory say.
    pub(crate) fn new(variable: impl Fn(&str) -> Option<OsString>, directory: &Path) -> Self {
        let path = variable("PATH").unwrap_or_default();
        let root = match variable("PYENV_ROOT").filter(|root| !root.is_empty()) {
            Some(root) => Some(PathBuf::from(root)),
            None => variable("HOME")
                .filter(|home| !home.is_empty())
                .map(|home| Path::new(&home).join(".pyenv")),
        };
        Self {
            path: std::env::split_paths(&path)
                .map(|d| directory.join(d))
                .collect(),
            pyenv: root.map(|root| Pyenv {
                // A job may run elsewhere.
                root: directory.join(root),
                version: variable("PYENV_VERSION"),
                directory: directory.join(variable("PYENV_DIR").unwrap_or_default()),
            }),
        }
    }

    fn pyenv_directories(&self) -> impl Iterator<Item = PathBuf> {
        let versions = self
            .pyenv
            .iter()
            .flat_map(|pyenv| newest_first(&pyenv.versions()));
        versions.map(|version| version.join("bin"))
    }
}

/// The names of all Pythons that may be here.
pub(super) fn names(places: &Places) -> Vec<Implementation> {
    let directories = places
        .path
        .iter()
        .cloned()
        .chain(places.pyenv_directories());
    let seen: BTreeSet<Implementation> = directories
        .filter_map(|directory| fs::read_dir(directory).ok())
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

/// What may be `name`, best first, each program once.
pub(super) fn of(name: &Implementation, places: &Places) -> Vec<Candidate> {
    let command = name.to_string();
    let on_path = places.path.iter().filter_map(|directory| {
        let program = directory.join(&command);
        is_executable(&program).then(|| at(program, places))
    });
    let of_pyenv = places
        .pyenv_directories()
        .map(|directory| directory.join(&command));
    let of_pyenv = of_pyenv
        .filter(|program| is_executable(program))
        .map(Candidate::Run);
    let mut candidates: Vec<Candidate> = Vec::new();
    for candidate in on_path.chain(of_pyenv) {
        if !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    }
    candidates
}

/// The program at this path, or what it stands for where it is a shim of pyenv.
pub(super) fn at(program: PathBuf, places: &Places) -> Candidate {
    let (Some(pyenv), Some(directory)) = (&places.pyenv, program.parent()) else {
        return Candidate::Run(program);
    };
    let command = program.file_name().and_then(OsStr::to_str);
    match command.filter(|_| same_directory(directory, &pyenv.shims())) {
        None => Candidate::Run(program),
        Some(command) => match pyenv.behind_shim(command) {
            Ok(behind) => Candidate::Run(behind),
            Err(why) => Candidate::Skip(program, why),
        },
    }
}

fn same_directory(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn is_executable(program: &Path) -> bool {
    fs::metadata(program).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn laid() -> (tempfile::TempDir, Places) {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        program(&root.join("bin/python3.12"));
        program(&root.join("bin/python3.12-config"));
        program(&root.join("bin/python3"));
        fs::write(root.join("bin/python3.10"), "not executable").unwrap();
        program(&root.join("home/.pyenv/shims/python3.12"));
        program(&root.join("home/.pyenv/versions/3.12.1/bin/python3.12"));
        program(&root.join("home/.pyenv/versions/3.12.10/bin/python3.12"));
        program(&root.join("home/.pyenv/versions/pypy3.10-7.3.12/bin/pypy3"));
        let path = format!(
            "{0}/home/.pyenv/shims:{0}/bin:{0}/bin:/nonexistent",
            root.display()
        );
        let home = root.join("home");
        let variable = |name: &str| match name {
            "PATH" => Some(path.clone().into()),
            "HOME" => Some(home.clone().into()),
            _ => None,
        };
        let places = Places::new(variable, root);
        (scratch, places)
    }

    #[test]
    fn path_comes_before_pyenv_and_newer_before_older() {
        let (scratch, places) = laid();
        let root = scratch.path();
        let candidates = of(&"python3.12".parse().unwrap(), &places);
        let versions = root.join("home/.pyenv/versions");
        assert!(
            matches!(&candidates[0], Candidate::Skip(path, _) if path.ends_with("shims/python3.12"))
        );
        assert_eq!(
            candidates[1..],
            [
                Candidate::Run(root.join("bin/python3.12")),
                Candidate::Run(versions.join("3.12.10/bin/python3.12")),
                Candidate::Run(versions.join("3.12.1/bin/python3.12")),
            ]
        );
        assert!(of(&"python3.10".parse().unwrap(), &places).is_empty());
    }

    #[test]
    fn only_exact_names_are_pythons() {
        let (_scratch, places) = laid();
        let names: Vec<_> = names(&places).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["pypy3", "python3.10", "python3.12"]);
    }
}
