//! The files that options name for output. Two options may not name the same file, and a file is emptied only when
//! there is something to write.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf, absolute};

use crate::fs::Identity;
use crate::{Error, Result, inherited_fds};

/// A file that is written from its beginning.
///
/// It keeps its old content until the first write or flush, so a run that does nothing leaves it unchanged.
#[derive(Debug)]
pub struct Output {
    file: File,
    holds_old: bool,
}

impl Output {
    /// Opens the file, or makes it. The name of an inherited descriptor, such as `/dev/stdout`, is that descriptor.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |cause| Error::io("create", path, cause);
        if let Some(file) = descriptor(path).map_err(failed)? {
            let holds_old = false;
            return Ok(Self { file, holds_old });
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = options.open(path).map_err(failed)?;
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

/// A duplicate of the descriptor that `path` names: `/dev/stdout`, `/dev/fd/N`, or the regular file behind stdout or
/// stderr.
///
/// Such a file must not be opened again: each open file has its own offset, so one writer would overwrite the other.
/// EBADF if the descriptor is not open for writing.
fn descriptor(path: &Path) -> io::Result<Option<File>> {
    if let Some(number) = inherited_fds::number(path) {
        return inherited_fds::writable(number).map(Some);
    }
    let Some(named) = regular(path) else {
        return Ok(None);
    };
    let (out, err) = (io::stdout(), io::stderr());
    for stream in [out.as_fd(), err.as_fd()] {
        let stream = File::from(stream.try_clone_to_owned()?);
        if named == identity(&stream.metadata()?) {
            return Ok(Some(stream));
        }
    }
    Ok(None)
}

/// Refuses a regular file that two options name. Each option is given by its name on the command line.
///
/// It accepts devices, fifos and `/dev/stdout`, which several writers may share.
pub fn distinct(files: &[(&'static str, Option<&Path>)]) -> Result<()> {
    let mut seen: Vec<(&str, Place)> = Vec::new();
    for (option, path) in files {
        let Some(path) = path.filter(|path| !takes_several(path)) else {
            continue;
        };
        let place = Place::of(path).map_err(|cause| Error::io("find", path, cause))?;
        if let Some((other, _)) = seen.iter().find(|(_, known)| *known == place) {
            let cause = format!("{other} and {option} name the same file");
            return Err(Error::refused("write", path, cause));
        }
        seen.push((option, place));
    }
    Ok(())
}

/// A file that exists, or the path of a new one without links.
#[derive(PartialEq)]
enum Place {
    File(Identity),
    New(PathBuf),
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        if let Some(file) = regular(path) {
            return Ok(Self::File(file));
        }
        let whole = absolute(path)?;
        let parent = whole.parent().and_then(|dir| fs::canonicalize(dir).ok());
        Ok(Self::New(match (parent, whole.file_name()) {
            (Some(parent), Some(name)) => parent.join(name),
            _ => whole,
        }))
    }
}

/// The identity of a regular file.
fn regular(path: &Path) -> Option<Identity> {
    let data = fs::metadata(path).ok()?;
    data.is_file().then(|| identity(&data))
}

fn identity(data: &fs::Metadata) -> Identity {
    Identity {
        device: data.dev(),
        inode: data.ino(),
    }
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
