//! `--manifest`: the merged paths in the format of mtree(5).
//!
//! One line for each path, sorted, with the whole path, type, owner, mode, size, time, and for files the
//! sha256 of what DEST holds. `mtree -p DEST -f FILE` of NetBSD and bsdtar read it.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::fs::{At, Dir, Kind, as_os, contents, split};
use common::outputs::Output;
use common::{Error, Result, show};
use rayon::prelude::*;
use rustix::fs::{major, minor};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::stats::{PathEvent, What};

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

    /// Adds a path that was merged to `place` below DEST. What DEST kept instead is not part of the merge.
    pub(crate) fn add(&mut self, event: &PathEvent, place: &Path) {
        match event.what {
            What::Kept | What::Superseded => return,
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
        let paths: Vec<&PathBuf> = self.merged.iter().collect();
        let lines = paths.par_iter().map(|path| line(&root, path));
        let lines: io::Result<Vec<Vec<u8>>> = lines.collect();
        let lines = lines.map_err(unwritten)?;
        let text = [b"#mtree\n".to_vec(), lines.concat()].concat();
        let written = self.file.write_all(&text).and_then(|()| self.file.flush());
        written.map_err(unwritten)
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

/// The line of one path; nothing if another process has removed it.
fn line(root: &Dir, path: &Path) -> io::Result<Vec<u8>> {
    let failed = |cause: Errno| io::Error::other(format!("{}: {cause}", show::path(path)));
    let (dir, name) = holder(root, path).map_err(failed)?;
    let at = At::new(&dir, &name);
    let it = match at.stat() {
        Err(Errno::NOENT) => return Ok(Vec::new()),
        it => it.map_err(failed)?,
    };
    let mut line = b".".to_vec();
    if !path.as_os_str().is_empty() {
        line.push(b'/');
        line.extend(encoded(path.as_os_str().as_bytes()));
    }
    write!(
        line,
        " type={} uid={} gid={}",
        word(it.kind),
        it.uid,
        it.gid
    )?;
    if it.kind != Kind::Symlink {
        write!(line, " mode=0{:o}", it.mode)?;
    }
    let time = it.modified;
    write!(line, " time={}.{:09}", time.tv_sec, time.tv_nsec)?;
    match it.kind {
        Kind::File => {
            let sum = sha256(at).map_err(failed)?;
            write!(line, " size={} sha256={sum}", it.size)?;
        }
        Kind::Symlink => {
            let target = dir.read_link(&*name).map_err(failed)?;
            line.extend_from_slice(b" link=");
            line.extend(encoded(target.as_bytes()));
        }
        Kind::CharacterDevice | Kind::BlockDevice => {
            let number = it.device_number;
            write!(line, " device=linux,{},{}", major(number), minor(number))?;
        }
        Kind::Directory | Kind::Fifo | Kind::Socket => {}
    }
    line.push(b'\n');
    Ok(line)
}

fn holder(root: &Dir, path: &Path) -> rustix::io::Result<(Dir, CString)> {
    if path.as_os_str().is_empty() {
        return Ok((root.child(c".")?, c".".to_owned()));
    }
    let (parent, name) = split(path)?;
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

/// A name as mtree(5) reads it: a byte that is not plain is a backslash and three octal digits.
fn encoded(name: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(name.len());
    for &byte in name {
        match byte {
            0x21..=0x7e if !br#"\#*?[='""#.contains(&byte) => shown.push(byte),
            _ => shown.extend(format!("\\{byte:03o}").bytes()),
        }
    }
    shown
}

fn sha256(at: At<'_>) -> rustix::io::Result<String> {
    let file = at.dir.open_file(at.name)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match contents::fill(file.as_fd(), &mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    let hash = hash.finalize();
    let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
    Ok(digits.collect())
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
