//! Reads the bin directories of an image, and what has the places of their scripts.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use common::fs::{Kind, Lock, Locked, flock};
use common::{Error, Implementation, Result};

use super::folder::{Descent, Folder, is_executable_file};
use super::leftovers;
use crate::layout::Layout;
use crate::wrapper;

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
    /// A bin directory, or a part of its path, that is a symlink.
    LinkedBindir,
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

/// Opens an image that will be changed: waits until no other run works on it, and restores the names of
/// files that a killed run had renamed.
///
/// A signal ends the process while it waits: nothing has been changed yet.
pub(crate) fn open_to_change(path: &Path, layout: &Layout) -> Result<Folder> {
    let image = Folder::image(path)?;
    // A file system that cannot lock directories: other runs cannot lock either.
    let _locked: Locked = flock(image.dir(), Lock::Exclusive).map_err(image.failed("lock"))?;
    for bindir in &layout.bindirs {
        // The survey reports a directory that cannot be read.
        if let Ok(Descent::Found(bindir)) = image.descend(bindir) {
            leftovers::put_back(&bindir)?;
        }
    }
    Ok(image)
}

/// Reads what the bin directories hold for a script of `implementation`. One that is a symlink is not entered.
pub(crate) fn survey(
    image: &Folder,
    layout: &Layout,
    implementation: &Implementation,
) -> Result<Vec<Entry>> {
    let scripts = open_existing(image, &layout.scripts(implementation))?;
    let mut entries = Vec::new();
    for (bindir, name) in leftovers::beside_scripts(image, layout)? {
        let is = EntryKind::Leftover;
        entries.push(Entry { bindir, name, is });
    }
    for way in &layout.bindirs {
        if let Descent::Blocked(_, Kind::Symlink) = image.descend(way)? {
            let (parent, name) = (way.parent(), way.file_name());
            entries.push(Entry {
                bindir: parent.unwrap_or(way).to_owned(),
                name: name.unwrap_or_default().to_owned(),
                is: EntryKind::LinkedBindir,
            });
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
            entries.push(Entry { bindir, name, is });
        }
    }
    Ok(entries)
}

/// Opens a directory of the installed system, if the image has it.
pub(crate) fn open_existing(image: &Folder, way: &Path) -> Result<Option<Folder>> {
    match image.descend(way)? {
        Descent::Found(folder) => Ok(Some(folder)),
        Descent::Missing => Ok(None),
        Descent::Blocked(path, _) => Err(Error::refused("use", path, "is not a directory")),
    }
}

fn look(bindir: &Folder, name: &OsStr, scripts: Option<&Folder>) -> Result<EntryKind> {
    let it = bindir.stat(name)?;
    Ok(match it.kind {
        Kind::File if !is_executable_file(&it) => EntryKind::Plain,
        Kind::File => {
            let head = bindir.read_head(name)?;
            let mut rival = None;
            if !wrapper::is_wrapper(&head) {
                rival = match occupant(scripts, name)? {
                    Occupant::Nothing => None,
                    theirs => Some((bindir.read(name)?, theirs)),
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
        Ok(it) if it.kind == Kind::File => folder.read(name).map(Occupant::File),
        Ok(_) => Ok(Occupant::Other),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Occupant::Nothing),
        Err(error) => Err(error),
    }
}
