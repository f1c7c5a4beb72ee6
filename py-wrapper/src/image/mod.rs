//! Reads an image: the names in its bin directories, and what has the places of their scripts.
//!
//! Everything is beneath the image, and no symlink is followed. Not by walkdir: it works with paths, and a link that
//! another process puts into an image would lead it out.

mod folder;
mod leftovers;
mod records;

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use common::fs::{Attributes, Kind, Lock, Locked, flock};
use common::{Error, Implementation, Result};

pub(crate) use folder::{Descent, Folder};
pub(crate) use leftovers::{rename_new, temporary, temporary_for};
pub(crate) use records::{NAME as RECORD, RecordFile, find as find_records};

use crate::layout::Layout;
use crate::wrapper;

/// How many bytes of a file are read to tell what it is. No kernel or installer writes longer first lines.
const HEAD: u64 = 4096;

/// A name in a bin directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its directory on the installed system. A temporary name may also be beside the scripts.
    pub(crate) bindir: PathBuf,
    pub(crate) name: OsString,
    pub(crate) is: EntryKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A file that may be executed.
    Executable(Executable),
    /// A file that may not.
    Plain,
    Link(PathBuf),
    Directory,
    /// A fifo, socket or device.
    Special,
    /// A temporary name that a killed run left.
    Leftover,
    /// The same, and it may be all that is left of a script.
    Precious,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Executable {
    /// Its first bytes.
    pub(crate) head: Vec<u8>,
    /// The whole content of it, and what has its place in the script root; `None` if that is free.
    pub(crate) rival: Option<(Vec<u8>, Occupant)>,
}

/// What has a name in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Occupant {
    Nothing,
    /// A file with this content.
    File(Vec<u8>),
    Other,
}

/// An image as it was found.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) entries: Vec<Entry>,
    /// Bin directories that are symlinks and were not entered.
    pub(crate) linked: Vec<PathBuf>,
}

/// Opens an image that will be changed: waits until no other run works on it, and gives a file that a killed run took
/// away its name again.
///
/// A signal ends the process while it waits: nothing is at stake yet.
pub(crate) fn open_to_change(path: &Path, layout: &Layout) -> Result<Folder> {
    let image = Folder::image(path)?;
    match flock(image.dir(), Lock::Exclusive).map_err(image.failed("lock"))? {
        // A file system that cannot lock directories: other runs cannot ask either.
        Locked::Held | Locked::Busy | Locked::Unsupported => {}
    }
    for bindir in &layout.bindirs {
        // The survey reports a directory that cannot be read.
        if let Ok(Descent::Found(bindir)) = image.descend(bindir) {
            leftovers::put_back(&bindir)?;
        }
    }
    Ok(image)
}

/// Reads what the bin directories hold for a script of `implementation`.
pub(crate) fn survey(
    image: &Folder,
    layout: &Layout,
    implementation: &Implementation,
) -> Result<Survey> {
    let scripts = open_existing(image, &layout.scripts(implementation))?;
    let mut survey = Survey::default();
    for (bindir, name) in leftovers::beside_scripts(image, layout)? {
        let is = EntryKind::Leftover;
        survey.entries.push(Entry { bindir, name, is });
    }
    for way in &layout.bindirs {
        if let Descent::Blocked(_, Kind::Symlink) = image.descend(way)? {
            survey.linked.push(way.clone());
            continue;
        }
        let Some(bindir) = open_existing(image, way)? else {
            continue;
        };
        let names = bindir.names()?;
        for on_disk in &names {
            // A lost file has its name again by now, unless this is a dry run.
            let lost = leftovers::lost(&names, on_disk);
            let is = if lost.is_some() || !leftovers::is_temporary(on_disk) {
                look(&bindir, on_disk, scripts.as_ref())?
            } else if leftovers::is_precious(image, layout, &bindir, on_disk)? {
                EntryKind::Precious
            } else {
                EntryKind::Leftover
            };
            let (bindir, name) = (way.clone(), lost.unwrap_or(on_disk).to_owned());
            survey.entries.push(Entry { bindir, name, is });
        }
    }
    Ok(survey)
}

/// Opens a directory of the installed system, if the image has it.
pub(crate) fn open_existing(image: &Folder, way: &Path) -> Result<Option<Folder>> {
    match image.descend(way)? {
        Descent::Found(folder) => Ok(Some(folder)),
        Descent::Missing => Ok(None),
        Descent::Blocked(path, _) => Err(Error::refused("use", path, "is not a directory")),
    }
}

/// Whether it is a regular file that may be executed.
fn is_executable(it: &Attributes) -> bool {
    it.kind == Kind::File && it.mode & 0o111 != 0
}

fn look(bindir: &Folder, name: &OsStr, scripts: Option<&Folder>) -> Result<EntryKind> {
    let it = bindir.stat(name)?;
    Ok(match it.kind {
        Kind::File if !is_executable(&it) => EntryKind::Plain,
        Kind::File => {
            let head = bindir.read(name, HEAD)?;
            let mut rival = None;
            if !wrapper::is_wrapper(&head) {
                rival = match occupant(scripts, name)? {
                    Occupant::Nothing => None,
                    theirs => Some((bindir.read(name, u64::MAX)?, theirs)),
                };
            }
            EntryKind::Executable(Executable { head, rival })
        }
        Kind::Symlink => EntryKind::Link(bindir.read_link(name)?),
        Kind::Directory => EntryKind::Directory,
        _ => EntryKind::Special,
    })
}

/// What has a name in a folder, which may be missing.
pub(crate) fn occupant(folder: Option<&Folder>, name: &OsStr) -> Result<Occupant> {
    let Some(folder) = folder else {
        return Ok(Occupant::Nothing);
    };
    match folder.stat(name) {
        Ok(it) if it.kind == Kind::File => folder.read(name, u64::MAX).map(Occupant::File),
        Ok(_) => Ok(Occupant::Other),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Occupant::Nothing),
        Err(error) => Err(error),
    }
}
