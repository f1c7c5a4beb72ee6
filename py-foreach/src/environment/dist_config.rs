//! The file of `DIST_EXTRA_CONFIG`, which setuptools reads last: an own `build_base` for each job, in
//! whatever a user's own file of that name says besides.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The text of the file: `users` with the section `[build]` having this `build_base`.
///
/// A section may not come twice, so the option is put into the one that is there.
pub(crate) fn text(users: &[u8], build_base: &Path) -> Vec<u8> {
    let option = [b"build_base = ", build_base.as_os_str().as_bytes(), b"\n"].concat();
    let mut text = Vec::new();
    let mut state = State::Elsewhere;
    let mut done = false;
    for line in users.split_inclusive(|&byte| byte == b'\n') {
        state = state.after(line);
        if state == State::OldValue {
            continue;
        }
        text.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            text.push(b'\n');
        }
        if state == State::Header && !done {
            text.extend_from_slice(&option);
            done = true;
        }
    }
    if !done {
        text.extend_from_slice(b"[build]\n");
        text.extend_from_slice(&option);
    }
    text
}

/// Where in the file a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Elsewhere,
    /// The line `[build]`.
    Header,
    InBuild,
    /// The user's own `build_base`, with the lines that continue it.
    OldValue,
}

impl State {
    fn after(self, line: &[u8]) -> Self {
        let continues = line.first().is_some_and(u8::is_ascii_whitespace);
        let line = line.trim_ascii();
        if line.starts_with(b"[") && !continues {
            let section = line.split(|&b| b == b']').next().unwrap_or_default();
            return if section == b"[build" {
                Self::Header
            } else {
                Self::Elsewhere
            };
        }
        match self {
            Self::Elsewhere => Self::Elsewhere,
            Self::OldValue if continues && !line.is_empty() => Self::OldValue,
            _ if is_build_base(line) => Self::OldValue,
            _ => Self::InBuild,
        }
    }
}

fn is_build_base(line: &[u8]) -> bool {
    let name = line
        .split(|&b| b == b'=' || b == b':')
        .next()
        .unwrap_or_default();
    matches!(name.trim_ascii(), b"build_base" | b"build-base")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(users: &str) -> String {
        String::from_utf8(text(users.as_bytes(), Path::new("b/x"))).unwrap()
    }

    #[test]
    fn an_own_file_is_kept_around_it() {
        assert_eq!(merged(""), "[build]\nbuild_base = b/x\n");
        assert_eq!(
            merged("[bdist_wheel]\npy_limited_api = cp39"),
            "[bdist_wheel]\npy_limited_api = cp39\n[build]\nbuild_base = b/x\n"
        );
        assert_eq!(
            merged(
                "[build]\ndebug = 1\nbuild-base: mine\n  and more\nforce = 1\n[install]\nbuild_base = kept\n"
            ),
            "[build]\nbuild_base = b/x\ndebug = 1\nforce = 1\n[install]\nbuild_base = kept\n"
        );
    }
}
