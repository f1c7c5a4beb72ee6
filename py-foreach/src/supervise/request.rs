//! What the engine asks the starter for: one command to be run below a supervisor of its own.
//!
//! A request goes down the socket as its length in four bytes and its fields, each closed by a NUL, which
//! no word of execve(2) can hold. With the length come two descriptors: the supervisor's end of the socket
//! to the engine, and the job's output.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::job::Launch;

/// A command and how long it may take to obey TERM.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) grace: Duration,
    pub(super) launch: Launch,
}

/// The fields of `launch` and its grace.
///
/// # Errors
/// A word holds a NUL, as `Command` has it.
pub(super) fn encode(grace: Duration, launch: &Launch) -> io::Result<Vec<u8>> {
    let cwd = launch.cwd.as_deref().unwrap_or(Path::new(""));
    let (grace, words) = (grace.as_millis().to_string(), launch.argv.len().to_string());
    let head = [
        OsStr::new(&grace),
        cwd.as_os_str(),
        launch.program.as_os_str(),
        OsStr::new(&words),
    ];
    let argv = launch.argv.iter().map(OsString::as_os_str);
    let env = launch.env.iter();
    let env = env.flat_map(|(name, value)| [name.as_os_str(), value.as_os_str()]);
    let mut bytes = Vec::new();
    for field in head.into_iter().chain(argv).chain(env) {
        if field.as_bytes().contains(&0) {
            let cause = "a NUL byte in a word or a variable";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, cause));
        }
        bytes.extend_from_slice(field.as_bytes());
        bytes.push(0);
    }
    Ok(bytes)
}

/// Reads what [`encode`] wrote.
pub(super) fn decode(bytes: &[u8]) -> Option<Request> {
    let fields = bytes.strip_suffix(&[0])?.split(|&byte| byte == 0);
    let mut fields = fields.map(|field| OsString::from_vec(field.to_vec()));
    let grace = Duration::from_millis(number(&fields.next()?)?);
    let cwd = PathBuf::from(fields.next()?);
    let program = PathBuf::from(fields.next()?);
    let words = usize::try_from(number(&fields.next()?)?).ok()?;
    let argv: Vec<OsString> = fields.by_ref().take(words).collect();
    let mut env = Vec::new();
    while let Some(name) = fields.next() {
        env.push((name, fields.next()?));
    }
    let cwd = (!cwd.as_os_str().is_empty()).then_some(cwd);
    (argv.len() == words).then_some(Request {
        grace,
        launch: Launch {
            program,
            argv,
            env,
            cwd,
        },
    })
}

fn number(field: &OsStr) -> Option<u64> {
    field.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch() -> Launch {
        Launch {
            program: "make".into(),
            argv: vec!["make".into(), "".into(), OsString::from_vec(vec![0xff])],
            env: vec![("A".into(), "".into()), ("B".into(), "x=y\nz".into())],
            cwd: None,
        }
    }

    #[test]
    fn a_request_arrives_as_it_was_made() {
        for cwd in [None, Some(PathBuf::from("/a b"))] {
            let sent = Launch { cwd, ..launch() };
            let bytes = encode(Duration::from_millis(1500), &sent).unwrap();
            let request = decode(&bytes).unwrap();
            assert_eq!(request.grace, Duration::from_millis(1500));
            assert_eq!(format!("{:?}", request.launch), format!("{sent:?}"));
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        let mut bad = launch();
        bad.argv.push("a\0b".into());
        assert!(encode(Duration::ZERO, &bad).is_err());
        let bytes = encode(Duration::ZERO, &launch()).unwrap();
        assert!(decode(&bytes[..bytes.len() - 1]).is_none());
        assert!(decode(b"").is_none());
    }
}
