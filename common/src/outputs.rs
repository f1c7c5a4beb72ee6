//! The files that a tool is to write: each its own, or one would overwrite the other in silence, and none
//! at the cost of what is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf, absolute};

use crate::{Error, Result, inherited_fds};

/// A file that is written from its beginning on.
///
/// What it held before stays until the first write or flush: who finds out that there is nothing to be done
/// leaves it as it was.
#[derive(Debug)]
pub struct Output {
    file: File,
    holds_old: bool,
}

impl Output {
    /// Opens the file, or makes it; the name of an open descriptor of ours, as `/dev/stdout`, is that descriptor.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |cause| Error::io("create", path, cause);
        if let Some(file) = descriptor(path).map_err(failed)? {
            return Ok(Self {
                file,
                holds_old: false,
            });
        }
        let way = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = way.map_err(failed)?;
        let holds_old = file.metadata().map_err(failed)?.is_file();
        Ok(Self { file, holds_old })
    }

    fn empty(&mut self) -> io::Result<()> {
        if self.holds_old {
            self.file.set_len(0)?;
            self.holds_old = false;
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.empty()?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.empty()?;
        self.file.flush()
    }
}

/// The open descriptor of ours that `path` names, once more: as `/dev/stdout`, `/dev/fd/N`, or as the regular
/// file that stdout or stderr is.
///
/// Such a file must not be opened anew: that would empty it, and would write over what the descriptor's other
/// users write, since each opening has its own place in the file.
///
/// # Errors
/// The descriptor is not open, or not for writing.
pub fn descriptor(path: &Path) -> io::Result<Option<File>> {
    if let Some(number) = inherited_fds::number(path) {
        return inherited_fds::writable(number).map(Some);
    }
    let Some(named) = regular(path) else {
        return Ok(None);
    };
    for stream in [
        io::stdout().as_fd().try_clone_to_owned()?,
        io::stderr().as_fd().try_clone_to_owned()?,
    ] {
        let stream = File::from(stream);
        if named == identity(&stream.metadata()?) {
            return Ok(Some(stream));
        }
    }
    Ok(None)
}

/// Refuses a regular file that two options name; each is given with its name on the command line.
///
/// What takes several writers, such as a device, a fifo or `/dev/stdout`, is let pass.
///
/// # Errors
/// The file, with both options.
pub fn distinct(files: &[(&'static str, Option<&Path>)]) -> Result<()> {
    let mut seen: Vec<(&str, Place)> = Vec::new();
    for (option, path) in files {
        let Some(path) = path.filter(|path| !takes_several(path)) else {
            continue;
        };
        let place = Place::of(path).map_err(|cause| Error::io("find", path, cause))?;
        if let Some((other, _)) = seen.iter().find(|(_, there)| there.is(&place)) {
            let cause = format!("{other} and {option} name the same file");
            return Err(Error::refused("write", path, cause));
        }
        seen.push((option, place));
    }
    Ok(())
}

/// Where a file is or will be.
struct Place {
    /// Its directory without links.
    path: PathBuf,
    /// Which one it is, if it is there.
    file: Option<(u64, u64)>,
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        let whole = absolute(path)?;
        let real = || {
            Some(
                fs::canonicalize(whole.parent()?)
                    .ok()?
                    .join(whole.file_name()?),
            )
        };
        Ok(Self {
            path: real().unwrap_or(whole),
            file: regular(path),
        })
    }

    fn is(&self, other: &Self) -> bool {
        self.path == other.path || (self.file.is_some() && self.file == other.file)
    }
}

/// Which regular file it is, if it is one.
fn regular(path: &Path) -> Option<(u64, u64)> {
    let data = fs::metadata(path).ok()?;
    data.is_file().then(|| identity(&data))
}

fn identity(data: &fs::Metadata) -> (u64, u64) {
    (data.dev(), data.ino())
}

fn takes_several(path: &Path) -> bool {
    // A descriptor may lead to a regular file.
    let is_descriptor = inherited_fds::number(path).is_some() || path.starts_with("/proc");
    is_descriptor || fs::metadata(path).is_ok_and(|data| !data.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_has_one_option() {
        let at = |a, b| {
            distinct(&[("--a", a), ("--b", None), ("--c", b)].map(|(o, p)| (o, p.map(Path::new))))
        };
        assert!(at(Some("x"), Some("y")).is_ok());
        assert!(at(Some("/dev/null"), Some("/dev/null")).is_ok());
        assert!(at(Some("x"), None).is_ok());
        let error = at(Some("/x/y"), Some("/x/./y")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "write /x/./y: --a and --c name the same file"
        );
    }

    #[test]
    fn another_name_of_a_file_is_no_other_file() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::create_dir(at("d")).unwrap();
        fs::write(at("d/file"), "").unwrap();
        fs::hard_link(at("d/file"), at("hard")).unwrap();
        std::os::unix::fs::symlink("d", at("link")).unwrap();
        let both = |one: &str, other: &str| {
            let (one, other) = (at(one), at(other));
            distinct(&[("--a", Some(&one)), ("--b", Some(&other))])
        };
        for (one, other) in [
            ("d/file", "hard"),
            ("d/file", "link/file"),
            ("d/new", "link/new"),
        ] {
            assert!(both(one, other).is_err(), "{one} {other}");
        }
        assert!(both("d/new", "new").is_ok());
    }

    #[test]
    fn what_was_there_stays_until_something_is_written() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        fs::write(&path, "a longer text").unwrap();
        drop(Output::open(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a longer text");
        let mut output = Output::open(&path).unwrap();
        output.write_all(b"new").unwrap();
        output.write_all(b"er").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "newer");
        Output::open(&path).unwrap().flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }
}
