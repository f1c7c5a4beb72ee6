//! The directories below pyenv's `versions`, newest first.

use std::cmp::Reverse;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// How new a version is: its numbers, a final release before its candidates.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Age {
    numbers: Vec<u32>,
    is_final: bool,
}

/// The directories of `versions` that hold a Python, newest first. What names no version (a
/// virtualenv) is left out. None where there is no such directory.
pub(super) fn newest_first(versions: &Path) -> Vec<PathBuf> {
    let mut dated: Vec<(Reverse<Age>, OsString)> = fs::read_dir(versions)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let age = age(name.to_str()?)?;
            Some((Reverse(age), name))
        })
        .collect();
    dated.sort();
    dated
        .into_iter()
        .map(|(_, name)| versions.join(name))
        .collect()
}

/// `3.12.1`, `3.13.0t`, `3.14.0rc2`, `3.14-dev`, `pypy3.10-7.3.12`.
fn age(name: &str) -> Option<Age> {
    let version = match name.strip_prefix("pypy") {
        Some(rest) => rest.split_once('-')?.1,
        None => name,
    };
    let end = version
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(version.len());
    let (digits, suffix) = version.split_at(end);
    let numbers: Option<Vec<u32>> = digits.split('.').map(|n| n.parse().ok()).collect();
    Some(Age {
        numbers: numbers?,
        is_final: matches!(suffix, "" | "t" | "-src"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_numbers_and_finals_before_candidates() {
        let scratch = tempfile::tempdir().unwrap();
        for name in [
            "3.9.2",
            "3.9.18",
            "3.14.0rc1",
            "3.14.0",
            "myenv",
            "pypy3.10-7.3.12",
        ] {
            fs::create_dir(scratch.path().join(name)).unwrap();
        }
        let names: Vec<_> = newest_first(scratch.path())
            .into_iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(
            names,
            ["pypy3.10-7.3.12", "3.14.0", "3.14.0rc1", "3.9.18", "3.9.2"]
        );
    }

    #[test]
    fn no_pyenv_is_no_versions() {
        assert!(newest_first(Path::new("/nonexistent/versions")).is_empty());
    }
}
