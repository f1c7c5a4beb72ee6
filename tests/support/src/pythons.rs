//! The Pythons of this machine, found without the tools under test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A real interpreter.
#[derive(Debug, Clone)]
pub struct Python {
    /// Its EPYTHON: `python3.12`.
    pub epython: String,
    /// The interpreter itself, never a shim.
    pub path: PathBuf,
}

/// All `CPython` interpreters of pyenv and of the system, oldest first, one for each EPYTHON.
pub fn all() -> Vec<Python> {
    let mut found = BTreeMap::new();
    for directory in directories() {
        for minor in 0..40 {
            add(&mut found, &directory, 3, minor);
        }
        add(&mut found, &directory, 2, 7);
    }
    found.into_values().collect()
}

/// The newest `count` interpreters, oldest first. If there are fewer, `test` cannot run here, and this reports it.
///
/// # Panics
/// When there are too few and nothing collects the reports; see [`crate::cannot_run_here`].
pub fn newest(test: &str, count: usize) -> Option<Vec<Python>> {
    let mut pythons = all();
    if pythons.len() < count {
        let names: Vec<_> = pythons.iter().map(|p| p.epython.as_str()).collect();
        crate::cannot_run_here(
            test,
            &format!(
                "it needs {count} Pythons, and there are {}",
                names.join(" ")
            ),
        );
        return None;
    }
    Some(pythons.split_off(pythons.len() - count))
}

/// The paths of `pythons` as one word of `py-foreach -i`.
///
/// # Panics
/// When a path is not UTF-8.
pub fn paths(pythons: &[Python]) -> String {
    let path = |python: &Python| python.path.to_str().expect("UTF-8").to_owned();
    pythons.iter().map(path).collect::<Vec<_>>().join(" ")
}

fn directories() -> Vec<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".pyenv"),
        PathBuf::from,
    );
    let versions = std::fs::read_dir(root.join("versions"));
    let mut found: Vec<_> = versions
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    found.sort();
    found.extend(["/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    found
}

fn add(found: &mut BTreeMap<(u32, u32), Python>, directory: &Path, major: u32, minor: u32) {
    let epython = format!("python{major}.{minor}");
    let path = directory.join(&epython);
    if path.is_file() {
        found
            .entry((major, minor))
            .or_insert(Python { epython, path });
    }
}
