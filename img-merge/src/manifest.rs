//! `--manifest`: what was merged, in the format of mtree(5).
//!
//! One line for each path, sorted, with the whole path, type, owner, mode, size, time, and for files the
//! sha256 of what DEST holds. `mtree -p DEST -f FILE` of NetBSD and bsdtar read it.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::outputs::Output;
use common::{Error, Result};
use rustix::fs::{major, minor};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::plan::as_os;
use crate::tally::{Told, What};
use common::fs::{Attributes, Dir, Kind, contents};

/// A manifest in the making: the file is opened at the start, so that a run which could not write it
/// changes nothing. What was in it stays until there is another to write.
#[derive(Debug)]
pub(crate) struct Manifest {
    file: Output,
    path: PathBuf,
    /// Below DEST; with those that were moved whole the paths below them.
    merged: BTreeSet<PathBuf>,
    whole: Vec<PathBuf>,
}

impl Manifest {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        Ok(Self {
            file: Output::open(path)?,
            path: path.to_owned(),
            merged: BTreeSet::new(),
            whole: Vec::new(),
        })
    }

    /// Notes a path that was merged, and that lies at `place` below DEST. What DEST kept instead of an
    /// image's is not of this merge.
    pub(crate) fn note(&mut self, told: &Told, place: &Path) {
        match told.what {
            What::Kept | What::Outdone => return,
            What::MovedTree => self.whole.push(place.to_owned()),
            _ => {}
        }
        self.merged.insert(place.to_owned());
    }

    /// Reads what DEST holds by now and writes the manifest.
    pub(crate) fn write(mut self, destination: &Path) -> Result<()> {
        let failed = |cause| Error::io("read", destination, cause);
        let unwritten = |cause| Error::io("write", &self.path, cause);
        if self.merged.is_empty() {
            return Ok(());
        }
        let root = Dir::named(destination).map_err(failed)?;
        for top in std::mem::take(&mut self.whole) {
            let failed = |cause| Error::io("read", destination.join(&top), cause);
            below(&root, &top, &mut self.merged).map_err(failed)?;
        }
        let mut out = BufWriter::new(&mut self.file);
        let mut lines = || -> io::Result<()> {
            writeln!(out, "#mtree")?;
            for path in &self.merged {
                line(&mut out, &root, path)?;
            }
            out.flush()
        };
        lines().map_err(unwritten)
    }
}

fn below(root: &Dir, top: &Path, merged: &mut BTreeSet<PathBuf>) -> rustix::io::Result<()> {
    let dir = root.beneath(top)?;
    for entry in dir.list()?.iter() {
        let path = top.join(as_os(entry.name));
        let kind = match entry.kind {
            Some(kind) => kind,
            None => dir.kind_of(entry.name)?,
        };
        if kind.is_dir() {
            below(root, &path, merged)?;
        }
        merged.insert(path);
    }
    Ok(())
}

fn line(out: &mut impl Write, root: &Dir, path: &Path) -> io::Result<()> {
    let at = |cause: Errno| io::Error::other(format!("{}: {cause}", common::show::path(path)));
    let (dir, name) = holder(root, path).map_err(at)?;
    let it = match dir.stat_name(&name) {
        // Gone by now: another writer's doing, and no path of this merge any more.
        Err(Errno::NOENT) => return Ok(()),
        it => it.map_err(at)?,
    };
    out.write_all(b".")?;
    if !path.as_os_str().is_empty() {
        out.write_all(b"/")?;
        out.write_all(&encoded(path.as_os_str().as_bytes()))?;
    }
    write!(out, " type={} uid={} gid={}", word(it.kind), it.uid, it.gid)?;
    if it.kind != Kind::Symlink {
        write!(out, " mode=0{:o}", it.mode)?;
    }
    write!(
        out,
        " time={}.{:09}",
        it.modified.tv_sec, it.modified.tv_nsec
    )?;
    more(out, &dir, &name, &it, at)?;
    out.write_all(b"\n")
}

fn more(
    out: &mut impl Write,
    dir: &Dir,
    name: &CString,
    it: &Attributes,
    at: impl Fn(Errno) -> io::Error,
) -> io::Result<()> {
    match it.kind {
        Kind::File => {
            let sum = sha256(&dir.open_file(name).map_err(&at)?).map_err(&at)?;
            write!(out, " size={} sha256={sum}", it.size)
        }
        Kind::Symlink => {
            let target = dir.read_link(name).map_err(&at)?;
            out.write_all(b" link=")?;
            out.write_all(&encoded(target.as_bytes()))
        }
        Kind::CharacterDevice | Kind::BlockDevice => {
            let number = it.device_number;
            write!(out, " device=linux,{},{}", major(number), minor(number))
        }
        _ => Ok(()),
    }
}

fn holder(root: &Dir, path: &Path) -> rustix::io::Result<(Dir, CString)> {
    let Some(name) = path.file_name() else {
        return Ok((root.child(c".")?, c".".to_owned()));
    };
    let parent = path.parent().unwrap_or(Path::new(""));
    let name = CString::new(name.as_bytes()).map_err(|_| Errno::INVAL)?;
    Ok((root.beneath(parent)?, name))
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "dir",
        Kind::Symlink => "link",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
        Kind::CharacterDevice => "char",
        Kind::BlockDevice => "block",
    }
}

/// A name as mtree(5) reads it: whatever is not plain is a backslash and three octal digits.
fn encoded(name: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(name.len());
    for &byte in name {
        match byte {
            b'\\' | b'#' | b'*' | b'?' | b'[' | b'=' | b'"' | b'\'' => octal(byte, &mut shown),
            0x21..=0x7e => shown.push(byte),
            _ => octal(byte, &mut shown),
        }
    }
    shown
}

fn octal(byte: u8, shown: &mut Vec<u8>) {
    shown.extend_from_slice(format!("\\{byte:03o}").as_bytes());
}

fn sha256(file: &File) -> rustix::io::Result<String> {
    use std::fmt::Write as _;
    use std::os::fd::AsFd;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let read = contents::fill(file.as_fd(), &mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    let mut shown = String::with_capacity(64);
    for byte in hash.finalize() {
        // A string takes whatever is written to it.
        let _always = write!(shown, "{byte:02x}");
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_mtree_reads_them() {
        assert_eq!(encoded(b"usr/a-b_c.py"), b"usr/a-b_c.py");
        assert_eq!(encoded(b"a b\n\\\xff#"), b"a\\040b\\012\\134\\377\\043");
    }
}
