//! Runs one interpreter once and reads what it says of itself.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::Implementation;
use common::implementation::Family;

use crate::ask::{self, Asked, Probes};

/// What is asked; see there for the form of the answer.
const SCRIPT: &str = include_str!("probe.py");

/// What an interpreter says of itself. A path that it does not have is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// With its full version: `pypy3.11`, never `pypy3`.
    pub(crate) implementation: Implementation,
    /// `3.12.1`.
    pub(crate) version: String,
    pub(crate) include: PathBuf,
    pub(crate) purelib: PathBuf,
    /// The library to link with.
    pub(crate) library: Option<PathBuf>,
    /// The program `python3.12-config`.
    pub(crate) config: Option<PathBuf>,
    /// Where its `.pc` files lie.
    pub(crate) pkgconfig: Option<PathBuf>,
    /// How it links extensions: the words of LDSHARED and LDCXXSHARED.
    pub(crate) ldshared: OsString,
    pub(crate) ldcxxshared: OsString,
    /// Where Debian's packages install, if this is Debian's own interpreter.
    pub(crate) debian: Option<DebianLayout>,
}

/// The scheme `deb_system` of Debian's interpreters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DebianLayout {
    pub(crate) purelib: PathBuf,
}

impl Facts {
    /// Whether `name` is a name of this interpreter: its own, or `pypy3` for any `PyPy` 3.
    pub(crate) fn bears(&self, name: &Implementation) -> bool {
        let line = |i: &Implementation| (i.family(), i.version().0);
        *name == self.implementation
            || (name.family() == Family::PyPy
                && name.version().1.is_none()
                && line(name) == line(&self.implementation))
    }

    #[cfg(test)]
    pub(crate) fn for_tests(implementation: &str) -> Self {
        let answer = format!(
            "implementation\0{}\0version\0{}.1\0free_threaded\0\0end\0\0",
            if implementation.starts_with("pypy") {
                "pypy"
            } else {
                "cpython"
            },
            implementation.trim_start_matches(char::is_alphabetic),
        );
        parse(answer.as_bytes()).expect("an answer")
    }
}

/// Asks the interpreter at `program`.
///
/// # Errors
/// Why it is not one that can be used, in words for a person.
pub(crate) fn run(program: &Path, probes: &Probes) -> Result<Facts, String> {
    let mut command = Command::new(program);
    command
        .args(["-E", "-s", "-S", "-B", "-c", SCRIPT])
        .env_remove("DEB_PYTHON_INSTALL_LAYOUT");
    answer(&mut command, probes).unwrap_or_else(|cause| Err(common::error::plain(&cause)))
}

fn answer(command: &mut Command, probes: &Probes) -> io::Result<Result<Facts, String>> {
    let mut asked = Asked::start(command, probes)?;
    // An interpreter that leaves its streams to somebody has answered all the same.
    let (said, complaint) = asked.listen(|said| said.ends_with(b"end\0\0"))?;
    if let Some(facts) = parse(&said) {
        return Ok(Ok(facts));
    }
    if asked.is_late() {
        return Err(ask::late());
    }
    Ok(Err(first_line(&complaint).unwrap_or_else(
        // It has closed its streams and said nothing: its exit status is what there is to tell.
        || match asked.status() {
            Some(status) => format!("gave no answer ({status})"),
            None => "gave no answer".to_owned(),
        },
    )))
}

fn first_line(text: &[u8]) -> Option<String> {
    let line = text
        .split(|&b| b == b'\n')
        .map(<[u8]>::trim_ascii)
        .find(|l| !l.is_empty())?;
    Some(common::show::name(OsStr::from_bytes(line)).to_string())
}

/// The facts of an answer; nothing when it is not one.
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
        debian: present("debian_purelib").map(|purelib| DebianLayout { purelib }),
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
    fn any_pypy_of_the_line_bears_the_short_name() {
        let facts = Facts::for_tests("pypy3.11");
        for (name, expected) in [
            ("pypy3", true),
            ("pypy3.11", true),
            ("pypy3.10", false),
            ("pypy2", false),
            ("python3.11", false),
        ] {
            assert_eq!(facts.bears(&name.parse().unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn what_fails_says_why() {
        let (_scratch, path) = program("#!/bin/sh\necho 'no version selected' >&2; exit 127\n");
        assert_eq!(
            run(&path, &Probes::default()).unwrap_err(),
            "no version selected"
        );
        let (_scratch, path) = program("#!/bin/sh\nexit 3\n");
        assert_eq!(
            run(&path, &Probes::default()).unwrap_err(),
            "gave no answer (exit status: 3)"
        );
        assert_eq!(
            run(Path::new("/nonexistent/python"), &Probes::default()).unwrap_err(),
            "no such file or directory"
        );
    }
}
