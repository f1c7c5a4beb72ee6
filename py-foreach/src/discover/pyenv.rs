//! What a shim of pyenv would start, read from pyenv's own files instead of by running the shim: a shim
//! costs a tenth of a second, and fails where no selected version has the command.
//!
//! pyenv's order, from its manual: `PYENV_VERSION`, else the nearest `.python-version` from the working
//! directory upwards, else `$PYENV_ROOT/version`; of the versions named there the first that has the command.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::version_directory::newest_of;

/// A pyenv and what selects its versions.
#[derive(Debug, Clone)]
pub(super) struct Pyenv {
    pub(super) root: PathBuf,
    /// `PYENV_VERSION`.
    pub(super) version: Option<OsString>,
    /// Where `.python-version` is looked for: `PYENV_DIR`, else the working directory.
    pub(super) directory: PathBuf,
}

impl Pyenv {
    /// Where the shims lie.
    pub(super) fn shims(&self) -> PathBuf {
        self.root.join("shims")
    }

    /// Where the versions lie.
    pub(super) fn versions(&self) -> PathBuf {
        self.root.join("versions")
    }

    /// The program that the shim for `command` stands for.
    ///
    /// # Errors
    /// Why it would fail.
    pub(super) fn behind_shim(&self, command: &str) -> Result<PathBuf, String> {
        let selected = self.selected();
        let found = selected.iter().find_map(|word| {
            let program = self.directory_of(word)?.join("bin").join(command);
            program.is_file().then_some(program)
        });
        found.ok_or_else(|| {
            let words: Vec<_> = selected.iter().map(|word| word.to_string_lossy()).collect();
            let words = if words.is_empty() {
                "none".to_owned()
            } else {
                words.join(" ")
            };
            format!("a shim of pyenv, and no selected version ({words}) has {command}")
        })
    }

    fn selected(&self) -> Vec<OsString> {
        if let Some(versions) = self.version.as_deref().filter(|v| !v.is_empty()) {
            let words = versions.as_bytes().split(|&byte| byte == b':');
            return words.filter(|w| !w.is_empty()).map(owned).collect();
        }
        let local = self
            .directory
            .ancestors()
            .map(|d| d.join(".python-version"));
        local
            .chain([self.root.join("version")])
            .find_map(|file| fs::read(file).ok())
            .map(|text| words(&text))
            .unwrap_or_default()
    }

    /// `3.12.1`, `3.12` (the newest of these), `python-3.12.1`; nothing for `system`.
    fn directory_of(&self, word: &OsStr) -> Option<PathBuf> {
        let plain = word
            .as_bytes()
            .strip_prefix(b"python-")
            .map(OsStr::from_bytes);
        [Some(word), plain].into_iter().flatten().find_map(|word| {
            let exact = self.versions().join(word);
            if exact.is_dir() {
                return Some(exact);
            }
            newest_of(&self.versions(), word.to_str()?)
        })
    }
}

/// The words of a version file; `#` opens a comment.
fn words(text: &[u8]) -> Vec<OsString> {
    text.split(|&byte| byte == b'\n')
        .filter_map(|line| line.split(|&byte| byte == b'#').next())
        .flat_map(|line| line.split(u8::is_ascii_whitespace))
        .filter(|word| !word.is_empty() && !is_a_path(word))
        .map(owned)
        .collect()
}

/// pyenv refuses version names that lead elsewhere.
fn is_a_path(word: &[u8]) -> bool {
    word.contains(&b'/') || word == b"." || word == b".."
}

fn owned(word: &[u8]) -> OsString {
    OsString::from_vec(word.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid() -> (tempfile::TempDir, Pyenv) {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("pyenv");
        for version in ["3.11.7", "3.12.1", "3.12.10"] {
            let bin = root.join("versions").join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            let name = format!("python{}", &version[..4]);
            fs::write(bin.join(name), "").unwrap();
        }
        fs::write(root.join("version"), "# mine\n3.11.7 # this\n").unwrap();
        let directory = scratch.path().join("a/b");
        fs::create_dir_all(&directory).unwrap();
        let pyenv = Pyenv {
            root,
            version: None,
            directory,
        };
        (scratch, pyenv)
    }

    #[test]
    fn the_global_version_answers_and_others_say_why_not() {
        let (_scratch, pyenv) = laid();
        let program = pyenv.behind_shim("python3.11").unwrap();
        assert!(program.ends_with("versions/3.11.7/bin/python3.11"));
        assert_eq!(
            pyenv.behind_shim("python3.12").unwrap_err(),
            "a shim of pyenv, and no selected version (3.11.7) has python3.12"
        );
    }

    #[test]
    fn a_file_in_a_parent_directory_beats_the_global_one() {
        let (scratch, pyenv) = laid();
        fs::write(scratch.path().join("a/.python-version"), "python-3.12.1\n").unwrap();
        let program = pyenv.behind_shim("python3.12").unwrap();
        assert!(program.ends_with("versions/3.12.1/bin/python3.12"));
    }

    #[test]
    fn the_variable_beats_the_files_and_a_prefix_means_its_newest() {
        let (_scratch, mut pyenv) = laid();
        pyenv.version = Some("system:3.12".into());
        let program = pyenv.behind_shim("python3.12").unwrap();
        assert!(program.ends_with("versions/3.12.10/bin/python3.12"));
    }

    #[test]
    fn a_version_that_is_a_path_is_refused() {
        assert_eq!(words(b"../../x\n3.12\n..\n"), ["3.12"]);
    }
}
