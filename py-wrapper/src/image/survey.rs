//! Reads what the bin directories of an image hold.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use common::fs::{Attributes, Kind};
use common::{Error, Implementation, Result};
use rustix::io::Errno;

use super::folder::{Descent, Folder};
use super::leftovers::{HEAD, Leftover, Place};
use super::temporary::is_temporary;
use crate::wrapper;

/// A name in a bin directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The bin directory as the installed system sees it; for temporary names also the scripts'.
    pub(crate) bindir: PathBuf,
    pub(crate) name: OsString,
    pub(crate) file: Found,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file that may be executed.
    Executable(Executable),
    /// A file that may not.
    Plain,
    Link(PathBuf),
    Directory,
    /// A fifo, socket or device.
    Special,
    /// A temporary name of a killed run, which may be removed.
    Stale,
    /// A temporary name that may be the only copy of a script.
    Kept,
}

/// A file that may be executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Executable {
    /// Its first bytes.
    pub(crate) head: Vec<u8>,
    /// What has its place in the script root already.
    pub(crate) rival: Option<Rival>,
}

/// A script's name that is taken in the script root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rival {
    /// The content of the script in the bin directory.
    pub(crate) ours: Vec<u8>,
    /// The content of the file that has its place; `None` if that is not a file.
    pub(crate) theirs: Option<Vec<u8>>,
}

/// What was found in an image.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) entries: Vec<Entry>,
    /// Bin directories that are symlinks and were not entered.
    pub(crate) linked: Vec<PathBuf>,
}

/// Reads what the bin directories hold. On failure it returns every error.
pub(crate) fn survey(
    place: Place<'_>,
    implementation: &Implementation,
) -> Result<Survey, Vec<Error>> {
    let script_dir = place.options.layout.scripts(implementation);
    let scripts = place.image.descend(&script_dir);
    let scripts = scripts.and_then(Descent::unless_blocked);
    let mut reader = Reader {
        place,
        scripts: scripts.map_err(|error| vec![error])?,
        survey: Survey::default(),
        errors: Vec::new(),
    };
    if let Err(error) = reader.read_scripts(&script_dir) {
        reader.errors.push(error);
    }
    for bindir in &place.options.layout.bindirs {
        if let Err(error) = reader.read_bindir(bindir) {
            reader.errors.push(error);
        }
    }
    if reader.errors.is_empty() {
        Ok(reader.survey)
    } else {
        Err(reader.errors)
    }
}

struct Reader<'a> {
    place: Place<'a>,
    /// The directory of this implementation's scripts, if it exists.
    scripts: Option<Folder>,
    survey: Survey,
    errors: Vec<Error>,
}

impl Reader<'_> {
    /// The temporary names among the scripts; all of them are stale.
    fn read_scripts(&mut self, way: &Path) -> Result<()> {
        let Some(folder) = &self.scripts else {
            return Ok(());
        };
        let names = folder.names()?.into_iter();
        let entry = |name| Entry {
            bindir: way.to_owned(),
            name,
            file: Found::Stale,
        };
        let stale = names.filter(|name| is_temporary(name)).map(entry);
        self.survey.entries.extend(stale);
        Ok(())
    }

    fn read_bindir(&mut self, bindir: &Path) -> Result<()> {
        let folder = match self.place.image.descend(bindir)? {
            Descent::Blocked(_, Kind::Symlink) => {
                self.survey.linked.push(bindir.to_owned());
                return Ok(());
            }
            descent => descent.unless_blocked()?,
        };
        let Some(folder) = folder else {
            return Ok(());
        };
        for name in folder.names()? {
            match self.entry(&folder, bindir, name) {
                Ok(entry) => self.survey.entries.push(entry),
                Err(error) => self.errors.push(error),
            }
        }
        Ok(())
    }

    fn entry(&self, folder: &Folder, bindir: &Path, on_disk: OsString) -> Result<Entry> {
        let mut name = on_disk;
        let file = if is_temporary(&name) {
            match self.place.judge(folder, bindir, &name)? {
                Leftover::Stale => Found::Stale,
                Leftover::Kept => Found::Kept,
                // It has its name again by now, unless this is a dry run.
                Leftover::Lost(original) => {
                    let found = self.look(folder, &name)?;
                    name = original.to_owned();
                    found
                }
            }
        } else {
            self.look(folder, &name)?
        };
        let bindir = bindir.to_owned();
        Ok(Entry { bindir, name, file })
    }

    fn look(&self, folder: &Folder, name: &OsStr) -> Result<Found> {
        let stat = folder.stat(name)?;
        Ok(match stat.kind {
            Kind::File if stat.mode & 0o111 == 0 => Found::Plain,
            Kind::File => {
                let head = folder.read(name, HEAD)?;
                let rival = self.rival(folder, name, &head)?;
                Found::Executable(Executable { head, rival })
            }
            Kind::Symlink => Found::Link(folder.read_link(name)?),
            Kind::Directory => Found::Directory,
            _ => Found::Special,
        })
    }

    fn rival(&self, folder: &Folder, name: &OsStr, head: &[u8]) -> Result<Option<Rival>> {
        let Some(scripts) = self.scripts.as_ref().filter(|_| !wrapper::is_wrapper(head)) else {
            return Ok(None);
        };
        let theirs = match scripts.stat_name(name) {
            Err(Errno::NOENT) => return Ok(None),
            Ok(Attributes {
                kind: Kind::File, ..
            }) => Some(scripts.read(name, u64::MAX)?),
            Ok(_) => None,
            Err(cause) => return Err(scripts.fail("stat", name)(cause)),
        };
        let ours = folder.read(name, u64::MAX)?;
        Ok(Some(Rival { ours, theirs }))
    }
}
