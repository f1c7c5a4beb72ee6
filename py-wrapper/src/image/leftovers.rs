//! What a killed run left in the bin directories and beside the scripts, and what may be done with it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use common::Result;
use common::fs::{At, Kind, Published, c_name, publish};
use rustix::io::Errno;

use super::folder::{Descent, Folder};
use super::temporary::{is_temporary, stands_for};
use crate::options::Options;
use crate::wrapper;

/// The bytes of a file that are read to tell its kind. No kernel and no installer makes a longer first line.
pub(crate) const HEAD: u64 = 4096;

/// The mode of a file that we make, until it is complete.
const UNFINISHED: u32 = 0o600;

/// What a temporary name in a bin directory is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leftover<'a> {
    /// It may be removed.
    Stale,
    /// The file of this name, which is missing.
    Lost(&'a OsStr),
    /// It may be the only copy of a script.
    Kept,
}

/// An image, and what is asked about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) image: &'a Folder,
    pub(crate) options: &'a Options,
}

impl Place<'_> {
    /// Judges the temporary name `name` in `bindir`, which is open as `folder`.
    ///
    /// A file that is not a script may go. So may one whose name is a wrapper with a script behind it: that script was
    /// moved, and only the end of the run was missing.
    pub(crate) fn judge<'n>(
        self,
        folder: &Folder,
        bindir: &Path,
        name: &'n OsStr,
    ) -> Result<Leftover<'n>> {
        let file = folder.stat(name)?;
        let is_file = file.kind == Kind::File && file.mode != UNFINISHED;
        if !is_file || wrapper::is_wrapper(&folder.read(name, HEAD)?) {
            return Ok(Leftover::Stale);
        }
        let original = stands_for(name);
        let there = original.map(|original| (original, folder.stat_name(original)));
        Ok(match there {
            Some((original, Err(Errno::NOENT))) => Leftover::Lost(original),
            _ if file.mode & 0o111 == 0 => Leftover::Stale,
            Some((original, Ok(it))) if self.is_wrapped(folder, bindir, original, it.kind)? => {
                Leftover::Stale
            }
            _ => Leftover::Kept,
        })
    }

    /// Whether `name` is a wrapper and any implementation has a script of that name.
    fn is_wrapped(self, folder: &Folder, bindir: &Path, name: &OsStr, kind: Kind) -> Result<bool> {
        let is_wrapper = match kind {
            Kind::File => wrapper::is_wrapper(&folder.read(name, HEAD)?),
            Kind::Symlink => {
                wrapper::is_link_to(&folder.read_link(name)?, &self.options.layout, bindir)
            }
            _ => false,
        };
        let mut scripts = self.script_folders()?.into_iter();
        Ok(is_wrapper && scripts.any(|(_, folder)| folder.stat_name(name).is_ok()))
    }

    /// Gives each lost file its name again. What cannot be read is reported by the survey, which comes next.
    pub(crate) fn put_back_lost(self) -> Result<()> {
        for bindir in &self.options.layout.bindirs {
            let Ok(Descent::Found(folder)) = self.image.descend(bindir) else {
                continue;
            };
            for name in folder.names().unwrap_or_default() {
                if !is_temporary(&name) {
                    continue;
                }
                if let Leftover::Lost(original) = self.judge(&folder, bindir, &name)? {
                    put_back(&folder, &name, original)?;
                }
            }
        }
        Ok(())
    }

    /// The stale names in the bin directories and beside the scripts of all implementations.
    pub(crate) fn stale(self) -> Result<Vec<(PathBuf, OsString)>> {
        let mut stale = Vec::new();
        for bindir in &self.options.layout.bindirs {
            if let Descent::Found(folder) = self.image.descend(bindir)? {
                for name in temporary_names(&folder)? {
                    if self.judge(&folder, bindir, &name)? == Leftover::Stale {
                        stale.push((bindir.clone(), name));
                    }
                }
            }
        }
        for (way, folder) in self.script_folders()? {
            let names = temporary_names(&folder)?.into_iter();
            stale.extend(names.map(|name| (way.clone(), name)));
        }
        Ok(stale)
    }

    /// The directories in the script root, with their installed paths.
    fn script_folders(self) -> Result<Vec<(PathBuf, Folder)>> {
        let way = &self.options.layout.script_root;
        let Descent::Found(root) = self.image.descend(way)? else {
            return Ok(Vec::new());
        };
        let open = |name: OsString| Some((way.join(&name), root.subfolder(&name).ok()?));
        Ok(root.names()?.into_iter().filter_map(open).collect())
    }
}

fn temporary_names(folder: &Folder) -> Result<Vec<OsString>> {
    let names = folder.names()?.into_iter();
    Ok(names.filter(|name| is_temporary(name)).collect())
}

/// Gives a file its name `original` again, which a killed run took away.
pub(crate) fn put_back(folder: &Folder, temporary: &OsStr, original: &OsStr) -> Result<()> {
    let fail = folder.fail("rename", original);
    let published = c_name(temporary).and_then(|from| {
        let to = c_name(original)?;
        publish(At::new(folder, &from), At::new(folder, &to))
    });
    match published.map_err(&fail)? {
        Published::Done => Ok(()),
        Published::Taken => Err(fail(Errno::EXIST)),
    }
}
