//! Runs one interpreter once and reads what it says of itself.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::Implementation;
use common::implementation::Family;

use super::interpreter::Facts;
use crate::ask::{Probes, ask};

/// What is asked; see there for the form of the answer.
const SCRIPT: &str = include_str!("probe.py");

/// Why a program is no Python that we can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// In words for a person.
    pub(crate) why: String,
    /// It did not answer in time; on a machine with less to do it might have.
    pub(crate) is_late: bool,
}

impl Refusal {
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            is_late: false,
        }
    }
}

/// Asks the interpreter at `program`.
pub(super) fn run(program: &Path, probes: &Probes) -> Result<Facts, Refusal> {
    let mut command = Command::new(program);
    command
        .args(["-E", "-s", "-S", "-B", "-c", SCRIPT])
        .env_remove("DEB_PYTHON_INSTALL_LAYOUT");
    let said = ask(&mut command, probes).map_err(|cause| Refusal {
        why: common::error::plain(&cause),
        is_late: cause.kind() == io::ErrorKind::TimedOut,
    })?;
    parse(&said.stdout).ok_or_else(|| {
        let complaint = first_line(&said.stderr);
        Refusal::because(complaint.unwrap_or_else(|| format!("gave no answer ({})", said.status)))
    })
}

fn first_line(text: &[u8]) -> Option<String> {
    let mut lines = text.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
    let line = lines.find(|line| !line.is_empty())?;
    Some(common::show::name(OsStr::from_bytes(line)).to_string())
}

/// The facts of an answer; `None` for anything else.
fn parse(answer: &[u8]) -> Option<Facts> {
    let mut parts = answer.split(|&byte| byte == 0);
    let mut said: HashMap<&[u8], &[u8]> = HashMap::new();
    while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
        said.insert(key, value);
    }
    said.get(b"end".as_slice())?;
    let bytes = |key: &str| said.get(key.as_bytes()).copied().unwrap_or_default();
    let text = |key: &str| String::from_utf8_lossy(bytes(key)).into_owned();
    let words = |key: &str| OsString::from_vec(bytes(key).to_vec());
    let path = |key: &str| PathBuf::from(words(key));
    let present = |key: &str| Some(path(key)).filter(|path| !path.as_os_str().is_empty());
    let family = match bytes("implementation") {
        b"pypy" => Family::PyPy,
        b"cpython" => Family::CPython,
        _ => return None,
    };
    let version = text("version");
    let mut numbers = version.split('.').map(str::parse);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let free_threaded = family == Family::CPython && !bytes("free_threaded").is_empty();
    Some(Facts {
        implementation: Implementation::new(family, major, Some(minor), free_threaded),
        include: path("include"),
        purelib: path("purelib"),
        library: present("library"),
        config: present("config"),
        pkgconfig: present("pkgconfig"),
        ldshared: words("ldshared"),
        ldcxxshared: words("ldcxxshared"),
        debian_purelib: present("debian_purelib"),
        version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn program(text: &str) -> (tempfile::TempDir, PathBuf) {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("python3.12");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        (scratch, path)
    }

    #[test]
    fn an_answer_is_read() {
        let answer = b"implementation\0cpython\0version\x003.13.2\0free_threaded\x001\0\
                       library\0/l\xff\0config\0\0end\0\0";
        let facts = parse(answer).unwrap();
        assert_eq!(facts.implementation.to_string(), "python3.13t");
        assert_eq!(facts.library.unwrap().as_os_str().as_bytes(), b"/l\xff");
        assert_eq!(facts.config, None);
        assert!(
            parse(&answer[..answer.len() - 5]).is_none(),
            "it was cut off"
        );
    }

    #[test]
    fn what_fails_says_why() {
        let why = |program: &Path| run(program, &Probes::default()).unwrap_err().why;
        let (_scratch, path) = program("#!/bin/sh\necho 'no version selected' >&2; exit 127\n");
        assert_eq!(why(&path), "no version selected");
        let (_scratch, path) = program("#!/bin/sh\nexit 3\n");
        assert_eq!(why(&path), "gave no answer (exit status: 3)");
        assert_eq!(
            why(Path::new("/nonexistent/python")),
            "no such file or directory"
        );
    }
}
