//! Where the wrapper is: the name of its script, and the script root.
//!
//! A chain of symlinks is followed. If it ends at the dispatcher, the last link before that has the script's name.
//! Otherwise the file is a copy of the dispatcher and has the script's name itself. A name without a slash is looked up
//! in the absolute entries of PATH, never in the working directory.

use core::ffi::CStr;

use crate::path::{LONGEST, Path, base, directory};
use crate::say::{self, STDERR};
use crate::sys::{self, Errno, Start};

/// The names of the dispatcher's text in the script root: ours and python-exec's.
const TEXTS: [&[u8]; 2] = [b"py-exec2", b"python-exec2"];

/// The names of the program. That of python-exec lies in the script root.
const PROGRAMS: [&[u8]; 2] = [b"py-exec", b"python-exec2c"];

/// The longest chain of links, as the kernel has it.
const LINKS: usize = 40;

/// The layout that is assumed if there is no script root near the wrapper.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Defaults<'a> {
    /// The script root.
    pub(crate) root: &'a [u8],
    /// The directory that holds `python-exec/`.
    pub(crate) sysconfdir: &'a [u8],
    /// The relative path to the script root from the directory of a copy, or of the program. It serves a tree that was
    /// moved as a whole.
    pub(crate) near: &'a [u8],
}

/// The wrapper that was called, and its script root.
pub(crate) struct Place {
    wrapper: Path,
    /// The script root.
    pub(crate) root: Path,
}

impl Place {
    /// The script's name.
    pub(crate) fn name(&self) -> &[u8] {
        base(self.wrapper.as_bytes())
    }
}

/// Whether a program was called by its own name.
pub(crate) fn is_program(called: &[u8]) -> bool {
    PROGRAMS.contains(&base(called))
}

/// The place of the wrapper that was called as `called`. It reports an error and returns `None`.
pub(crate) fn find(start: &Start, called: &CStr, defaults: Defaults<'_>) -> Option<Place> {
    let called = called.to_bytes();
    if matches!(base(called), b"" | b"." | b"..") {
        say::warn(&[b"\"", called, b"\" names no script."]);
        return None;
    }
    if called.contains(&b'/') {
        return follow(Path::of(&[called]), defaults);
    }
    match in_path(start, called) {
        Some(path) => follow(path, defaults),
        None => Some(Place {
            wrapper: Path::of(&[called]),
            root: Path::of(&[defaults.root]),
        }),
    }
}

fn in_path(start: &Start, name: &[u8]) -> Option<Path> {
    let entries = start.variable(b"PATH")?.split(|&b| b == b':');
    entries
        .filter(|entry| entry.starts_with(b"/"))
        .map(|entry| Path::of(&[entry, b"/", name]))
        .find(|path| path.c_str().is_some_and(is_program_file))
}

/// Whether a shell would start the file. Directories may be "executed" too.
fn is_program_file(path: &CStr) -> bool {
    sys::may_execute(path).is_ok() && sys::stat(path).is_ok_and(|stat| stat.is_file())
}

fn follow(called: Path, defaults: Defaults<'_>) -> Option<Place> {
    let mut path = called;
    let mut link = None;
    for _ in 0..LINKS {
        let mut buffer = [0; LONGEST];
        let answer = match path.c_str() {
            Some(c_str) => sys::read_link(c_str, &mut buffer),
            None => Err(Errno::NAMETOOLONG),
        };
        let next = match answer {
            Ok(target) if target.starts_with(b"/") => Path::of(&[target]),
            Ok(target) => Path::of(&[directory(path.as_bytes()), target]),
            Err(Errno::INVAL) => return arrived(path, link, defaults),
            Err(cause) => {
                unresolved(path.as_bytes(), cause);
                return None;
            }
        };
        link = Some(path);
        path = next;
    }
    unresolved(path.as_bytes(), Errno::LOOP);
    None
}

fn unresolved(path: &[u8], cause: Errno) {
    let unable = b"unable to resolve symlink ";
    say::warn(&[unable, path, b": ", say::cause(cause), b"."]);
}

/// `path` is a file, and `link` is the last link to it.
fn arrived(path: Path, link: Option<Path>, defaults: Defaults<'_>) -> Option<Place> {
    let file = base(path.as_bytes());
    let beside: &[u8] = if TEXTS.contains(&file) || file == PROGRAMS[1] {
        b"."
    } else {
        defaults.near
    };
    let candidate = Path::of(&[directory(path.as_bytes()), beside]);
    let root = near(&candidate, defaults.root);
    if !TEXTS.contains(&file) && !PROGRAMS.contains(&file) {
        let wrapper = path;
        return Some(Place { wrapper, root });
    }
    if link.is_none() {
        let why = b" is a wrapper, it must not be run directly.";
        say::line(STDERR, &[path.as_bytes(), b": ", file, why]);
    }
    link.map(|wrapper| Place { wrapper, root })
}

/// The script root: `candidate` without links and dots if that is a directory, else `default`.
fn near(candidate: &Path, default: &[u8]) -> Path {
    let default = Path::of(&[default]);
    let Some(Ok(there)) = candidate.c_str().map(sys::stat) else {
        return default;
    };
    if !there.is_dir() {
        return default;
    }
    match default.c_str().map(sys::stat) {
        Some(Ok(stat)) if stat.id == there.id => default,
        _ => plain(candidate).unwrap_or_else(|| candidate.clone()),
    }
}

/// The path of a directory without links and dots, by /proc; `None` if that is not mounted.
fn plain(path: &Path) -> Option<Path> {
    let fd = sys::open_dir(path.c_str()?).ok()?;
    let mut digits = [0; 10];
    let link = Path::of(&[b"/proc/self/fd/", decimal(fd.number(), &mut digits)]);
    let mut buffer = [0; LONGEST];
    let target = sys::read_link(link.c_str()?, &mut buffer).ok()?;
    target.starts_with(b"/").then(|| Path::of(&[target]))
}

fn decimal(number: i32, digits: &mut [u8; 10]) -> &[u8] {
    let mut rest = number.unsigned_abs();
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 || at == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 7, 10, 1234, i32::MAX] {
            let mut digits = [0; 10];
            assert_eq!(decimal(number, &mut digits), number.to_string().as_bytes());
        }
    }

    #[test]
    fn a_program_is_known_by_its_name() {
        assert!(is_program(b"/usr/bin/py-exec") && is_program(b"python-exec2c"));
        assert!(!is_program(b"py-exec2") && !is_program(b"/usr/bin/py-exec/foo"));
    }
}
