//! The directory that comes first on a job's PATH: there `python` is the job's interpreter, and `make` and
//! `ninja` are clients of the pool.
//!
//! They are scripts and no links: Python looks beside a link for its library, and a client needs words of its
//! own.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use common::{Error, Result};

use crate::discover::Interpreter;
use crate::words::quoted;

/// A script of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) name: OsString,
    pub(crate) text: Vec<u8>,
}

/// The scripts that are `interpreter`, under every name that a build calls it by.
pub(crate) fn of_interpreter(interpreter: &Interpreter) -> Vec<Script> {
    let epython = interpreter.implementation.to_string();
    let (major, _) = interpreter.implementation.version();
    let mut scripts: Vec<Script> = [
        "python".to_owned(),
        format!("python{major}"),
        epython.clone(),
    ]
    .into_iter()
    .map(|name| Script::executing(name, &[interpreter.path.as_os_str()]))
    .collect();
    for name in ["pip".to_owned(), format!("pip{major}")] {
        let words = [interpreter.path.as_os_str(), "-m".as_ref(), "pip".as_ref()];
        scripts.push(Script::executing(name, &words));
    }
    for name in [
        "python-config".to_owned(),
        format!("python{major}-config"),
        format!("{epython}-config"),
    ] {
        scripts.push(match &interpreter.facts.config {
            Some(config) => Script::executing(name, &[config.as_os_str()]),
            // Without this one, another implementation's would be found further down PATH.
            None => Script::refusing(name, &format!("{epython} has no python-config")),
        });
    }
    scripts
}

impl Script {
    /// A script that executes `words` and passes its own arguments on.
    pub(crate) fn executing(name: impl Into<OsString>, words: &[&OsStr]) -> Self {
        let mut text = b"#!/bin/sh\nexec".to_vec();
        for word in words {
            text.push(b' ');
            text.extend(quoted(word));
        }
        text.extend_from_slice(b" \"$@\"\n");
        Self {
            name: name.into(),
            text,
        }
    }

    /// A script that says why it can do nothing.
    fn refusing(name: String, why: &str) -> Self {
        let said = format!("{name}: {why}");
        let mut text = b"#!/bin/sh\necho ".to_vec();
        text.extend(quoted(OsStr::new(&said)));
        text.extend_from_slice(b" >&2\nexit 127\n");
        Self {
            name: name.into(),
            text,
        }
    }
}

/// Writes the scripts into `directory`, which is made.
pub(crate) fn write(directory: &Path, scripts: &[Script]) -> Result<()> {
    make_directory(directory)?;
    for script in scripts {
        let path = directory.join(&script.name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(&path)
            .and_then(|mut file| file.write_all(&script.text))
            .map_err(|cause| Error::io("write", &path, cause))?;
    }
    Ok(())
}

/// Makes `links` in `directory`, which is made.
pub(crate) fn link(directory: &Path, links: &[(String, PathBuf)]) -> Result<()> {
    make_directory(directory)?;
    for (name, target) in links {
        let path = directory.join(name);
        symlink(target, &path).map_err(|cause| Error::io("link", &path, cause))?;
    }
    Ok(())
}

/// Makes a directory that nobody has made yet.
pub(crate) fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir(path).map_err(|cause| Error::io("make directory", path, cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::Facts;

    fn texts(interpreter: &Interpreter) -> Vec<(String, String)> {
        of_interpreter(interpreter)
            .into_iter()
            .map(|s| {
                (
                    s.name.into_string().unwrap(),
                    String::from_utf8(s.text).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn every_name_is_the_interpreter() {
        let mut interpreter = Interpreter {
            implementation: "python3.12".parse().unwrap(),
            path: "/it's/python3.12".into(),
            facts: Facts::for_tests("python3.12"),
        };
        interpreter.facts.config = Some("/x/python3.12-config".into());
        let scripts = texts(&interpreter);
        let names: Vec<_> = scripts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "python",
                "python3",
                "python3.12",
                "pip",
                "pip3",
                "python-config",
                "python3-config",
                "python3.12-config"
            ]
        );
        assert_eq!(
            scripts[0].1,
            "#!/bin/sh\nexec '/it'\\''s/python3.12' \"$@\"\n"
        );
        assert_eq!(
            scripts[3].1,
            "#!/bin/sh\nexec '/it'\\''s/python3.12' '-m' 'pip' \"$@\"\n"
        );
        assert_eq!(
            scripts[6].1,
            "#!/bin/sh\nexec '/x/python3.12-config' \"$@\"\n"
        );
    }

    #[test]
    fn a_missing_config_is_refused_and_not_another_ones() {
        let interpreter = Interpreter {
            implementation: "pypy3".parse().unwrap(),
            path: "/usr/bin/pypy3".into(),
            facts: Facts::for_tests("pypy3.9"),
        };
        let scripts = texts(&interpreter);
        assert_eq!(
            scripts[5].1,
            "#!/bin/sh\necho 'python-config: pypy3 has no python-config' >&2\nexit 127\n"
        );
    }
}
