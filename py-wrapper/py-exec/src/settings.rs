//! Finds the configuration: the first of four files that opens is the only one that is read.
//!
//! A file for one script goes before the files for all, and a file of the user before that of the system.

use crate::config::{Config, Entry};
use crate::path::Path;
use crate::place::Defaults;
use crate::say;
use crate::sys::{self, Errno, Fd, Start, Stat};

/// The file for all scripts.
const GLOBAL: &[u8] = b"python-exec";

/// The rest of a larger file is not read, and that is reported.
const LARGEST: usize = 16 * 1024;

/// The configuration of one script.
pub(crate) struct Settings {
    buffer: [u8; LARGEST],
    length: usize,
    path: Option<Path>,
}

impl Settings {
    /// Reads the configuration of the script `name`. It reports what it cannot read and what it does not understand.
    pub(crate) fn read(start: &Start, name: &[u8], defaults: Defaults<'_>) -> Self {
        let mut settings = Self {
            buffer: [0; LARGEST],
            length: 0,
            path: None,
        };
        let Some((file, path)) = find(start, name, defaults) else {
            return settings;
        };
        let mut text = file.fill(&mut settings.buffer).unwrap_or_else(|cause| {
            unread(&path, cause);
            b""
        });
        if text.len() == LARGEST {
            unread(&path, Errno::FBIG);
            // A line that was cut does not count as a whole one.
            let end = text.iter().rposition(|&b| b == b'\n').unwrap_or(0);
            text = &text[..end];
        }
        for entry in Config(text).entries() {
            if let Entry::Invalid(line) = entry {
                say::warn(&[b"Invalid impl in ", path.as_bytes(), b": ", line]);
            }
        }
        settings.length = text.len();
        settings.path = Some(path);
        settings
    }

    /// The lines of the file; none if there is no file.
    pub(crate) fn config(&self) -> Config<'_> {
        Config(&self.buffer[..self.length])
    }

    /// The file that was read.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_ref()
    }
}

fn unread(path: &Path, cause: Errno) {
    say::warn(&[b"Error reading ", path.as_bytes(), b": ", say::cause(cause)]);
}

fn find(start: &Start, name: &[u8], defaults: Defaults<'_>) -> Option<(Fd, Path)> {
    for file in [name, GLOBAL] {
        if let Some(path) = own_path(start, file) {
            if let Some(fd) = opened(&path, Whose::User) {
                return Some((fd, path));
            }
        }
        let path = Path::of(&[defaults.sysconfdir, b"/python-exec/", file, b".conf"]);
        if let Some(fd) = opened(&path, Whose::System) {
            return Some((fd, path));
        }
    }
    None
}

/// The user's own file. A relative directory is ignored (XDG Base Directory Specification).
fn own_path(start: &Start, file: &[u8]) -> Option<Path> {
    let absolute = |name| start.variable(name).filter(|path| path.starts_with(b"/"));
    Some(match absolute(b"XDG_CONFIG_HOME") {
        Some(config) => Path::of(&[config, b"/python-exec/", file, b".conf"]),
        None => Path::of(&[absolute(b"HOME")?, b"/.config/python-exec/", file, b".conf"]),
    })
}

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    User,
    System,
}

/// Whether the user owns the file and is the user whose rights the process has.
fn is_users(file: Stat) -> bool {
    let (real, effective) = sys::users();
    real == effective && file.uid as usize == real
}

/// Opens a file that may be read. It silently skips a file below the user's directory that another user owns: HOME may
/// belong to another user, as it does after su(1).
fn opened(path: &Path, whose: Whose) -> Option<Fd> {
    let is_foreign = |stat| whose == Whose::User && !is_users(stat);
    let Some(c_str) = path.c_str() else {
        unopened(path, say::cause(Errno::NAMETOOLONG));
        return None;
    };
    match sys::open(c_str) {
        Ok(fd) => match fd.stat() {
            Ok(stat) if is_foreign(stat) => {}
            Ok(stat) if stat.is_file() => return Some(fd),
            _ => unopened(path, b"Not a regular file"),
        },
        Err(Errno::NOENT | Errno::NOTDIR) => {}
        Err(Errno::ACCES) if whose == Whose::User && sys::stat(c_str).map_or(true, is_foreign) => {}
        Err(cause) => unopened(path, say::cause(cause)),
    }
    None
}

fn unopened(path: &Path, why: &[u8]) {
    say::warn(&[b"Unable to open ", path.as_bytes(), b": ", why]);
}
