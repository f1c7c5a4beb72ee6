//! The real make and ninja: where they are, and which form of a pool each understands.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::Error;

use crate::ask::{Probes, ask};

/// What a program understands of pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `fifo:PATH`: make from 4.4 on, ninja from 1.13 on, ninja as `PyPI` has it.
    Fifo,
    /// `R,W`: make before 4.4.
    Descriptors,
    /// Nothing: ninja before 1.13.
    Alone,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Fifo, Self::Descriptors, Self::Alone];

    /// The word that is kept for it.
    fn word(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::Descriptors => "descriptors",
            Self::Alone => "alone",
        }
    }
}

/// The first program `name` on PATH, after `scripts` on PATH, if that is given and on PATH.
///
/// Only what comes behind may be taken: before it there may be the scripts of a py-foreach within this
/// one, which lead here.
pub(crate) fn on_path(name: &OsStr, path: &OsStr, scripts: Option<&Path>) -> Option<PathBuf> {
    let directories: Vec<PathBuf> = std::env::split_paths(path).collect();
    let own = scripts.and_then(|scripts| directories.iter().rposition(|dir| dir == scripts));
    let behind = own.map_or(0, |own| own + 1);
    // An empty element is where we are: a name without a slash would be looked for on PATH again.
    let programs = directories[behind..]
        .iter()
        .filter_map(|directory| std::path::absolute(directory.join(name)).ok());
    let mut others = programs.filter(|program| program.parent() != scripts);
    others.find(|program| {
        let executable =
            |data: fs::Metadata| data.is_file() && data.permissions().mode() & 0o111 != 0;
        fs::metadata(program).is_ok_and(executable)
    })
}

/// What `program` understands: kept below `known`, else asked.
///
/// What cannot be kept is asked again next time.
pub(crate) fn kind_of(program: &Path, known: &Path, probes: &Probes) -> Kind {
    let kept = known.join(file_name(program));
    if let Some(kind) = fs::read_to_string(&kept)
        .ok()
        .and_then(|word| Kind::ALL.into_iter().find(|kind| kind.word() == word))
    {
        return kind;
    }
    let (kind, keep) = match question(program, probes) {
        Ok(said) if said.status.success() => (
            kind_by_version(&String::from_utf8_lossy(&said.stdout)),
            true,
        ),
        Err(cause) if cause.kind() == io::ErrorKind::TimedOut => {
            let error = Error::io("ask", program, cause);
            common::error::report(crate::TOOL, [&error]);
            // Once is enough.
            (kind_without_answer(program), true)
        }
        _ => (kind_without_answer(program), false),
    };
    if keep {
        let _asked_again = fs::write(&kept, kind.word());
    }
    kind
}

/// The form that every make understands; none for a ninja.
fn kind_without_answer(program: &Path) -> Kind {
    if program.ends_with("ninja") {
        Kind::Alone
    } else {
        Kind::Descriptors
    }
}

/// A path as one name. Two paths whose names fall together are the same program but for an odd `%`.
fn file_name(program: &Path) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let bytes = program.as_os_str().as_bytes().iter();
    let name = bytes
        .map(|&byte| if byte == b'/' { b'%' } else { byte })
        .collect();
    std::ffi::OsString::from_vec(name).into()
}

fn question(program: &Path, probes: &Probes) -> io::Result<Output> {
    let mut command = Command::new(program);
    command.arg("--version").env_remove("MAKEFLAGS");
    ask(&mut command, probes)
}

/// Reads what `--version` says.
fn kind_by_version(said: &str) -> Kind {
    let first = said.lines().next().unwrap_or_default();
    match first.strip_prefix("GNU Make ") {
        Some(version) if numbers(version) >= (4, 4) => Kind::Fifo,
        Some(_) => Kind::Descriptors,
        None if first.contains("jobserver") || numbers(first) >= (1, 13) => Kind::Fifo,
        None => Kind::Alone,
    }
}

fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| {
        let end = part
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(part.len());
        part[..end].parse().unwrap_or(0)
    });
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_tell_what_a_program_understands() {
        for (said, kind) in [
            (
                "GNU Make 4.3\nBuilt for x86_64-pc-linux-gnu\n",
                Kind::Descriptors,
            ),
            ("GNU Make 4.4\n", Kind::Fifo),
            ("GNU Make 4.4.1\n", Kind::Fifo),
            ("GNU Make 4.10.1\n", Kind::Fifo),
            ("GNU Make 3.82\n", Kind::Descriptors),
            ("1.11.1\n", Kind::Alone),
            ("1.13.1\n", Kind::Fifo),
            ("1.11.1.git.kitware.jobserver-1\n", Kind::Fifo),
            ("1.13.0.git.kitware.jobserver-pipe-1\n", Kind::Fifo),
            ("", Kind::Alone),
        ] {
            assert_eq!(kind_by_version(said), kind, "{said:?}");
        }
    }

    #[test]
    fn what_comes_before_the_scripts_is_not_taken() {
        let scratch = test_support::scratch();
        let at = scratch.path().display();
        test_support::lay(
            scratch.path(),
            "inner/ls 755 \"\"\nouter/ls 755 \"\"\nreal/ls 755 \"\"\n",
        );
        let found = |path: String, scripts: Option<&str>| {
            let scripts = scripts.map(|name| scratch.path().join(name));
            let found = on_path(OsStr::new("ls"), OsStr::new(&path), scripts.as_deref());
            found.map(|path| {
                path.strip_prefix(scratch.path())
                    .unwrap()
                    .display()
                    .to_string()
            })
        };
        let path = format!("{at}/inner:{at}/outer:{at}/real");
        assert_eq!(found(path.clone(), Some("inner")).unwrap(), "outer/ls");
        assert_eq!(found(path.clone(), Some("outer")).unwrap(), "real/ls");
        assert_eq!(found(path, None).unwrap(), "inner/ls");
        assert_eq!(
            found(format!("{at}/real"), Some("outer")).unwrap(),
            "real/ls"
        );
        assert_eq!(found(format!("{at}/outer"), Some("outer")), None);
    }

    #[test]
    fn an_answer_is_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let kind = |program: &Path| kind_of(program, scratch.path(), &Probes::default());
        let program = Path::new("/nonexistent/bin/ninja");
        assert_eq!(kind(program), Kind::Alone);
        let make = Path::new("/nonexistent/bin/make");
        assert_eq!(kind(make), Kind::Descriptors);
        let kept = scratch.path().join("%nonexistent%bin%ninja");
        assert!(!kept.exists(), "no answer is not kept");
        assert_eq!(kind(Path::new("/bin/echo")), Kind::Alone);
        let answered = scratch.path().join("%bin%echo");
        assert_eq!(fs::read_to_string(answered).unwrap(), "alone");
        fs::write(&kept, "fifo").unwrap();
        assert_eq!(kind(program), Kind::Fifo);
    }
}
