//! An image as it was found: what its bin directories and its lists of installed files hold.
//!
//! Only reads. Everything is beneath the image and no symlink is followed.

pub(crate) mod aside;
pub(crate) mod dir;
mod lists;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use aside::is_temporary;
use common::{Error, Implementation, Result};
use dir::{Descent, Dir};
use rustix::fs::{FileType, Stat};

use crate::layout::Layout;
use crate::wrapper;

pub(crate) use lists::find as find_lists;

/// The bytes of a file that are read to tell what it is: first lines that are longer are nothing
/// that a kernel or an installer makes.
const HEAD: u64 = 4096;

/// What a bin directory holds under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The bin directory as the installed system sees it; for temporary names also the scripts'.
    pub(crate) bindir: PathBuf,
    pub(crate) name: OsString,
    pub(crate) found: Found,
}

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
    /// A name of ours that a killed run left.
    Temporary,
    /// The same, and it may be all that there is of a script.
    Precious,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Executable {
    /// Its first bytes.
    pub(crate) head: Vec<u8>,
    /// What has its place in the script root already.
    pub(crate) rival: Option<Rival>,
}

/// A name of a script that is taken, with both contents; nothing where that is no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rival {
    pub(crate) ours: Vec<u8>,
    pub(crate) theirs: Option<Vec<u8>>,
}

/// What was found in an image.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) entries: Vec<Entry>,
    /// Bin directories that are symlinks and were not entered.
    pub(crate) linked: Vec<PathBuf>,
}

/// Reads what the bin directories hold; all that goes wrong is in the second part.
pub(crate) fn survey(
    image: &Dir,
    layout: &Layout,
    implementation: &Implementation,
) -> Result<Survey, Vec<Error>> {
    let mut survey = Survey::default();
    let mut errors = Vec::new();
    let script_dir = layout.scripts(implementation);
    let scripts = taken_names(image, &script_dir).map_err(|e| vec![e])?;
    for name in scripts.names.iter().filter(|name| is_temporary(name)) {
        survey.entries.push(Entry {
            bindir: script_dir.clone(),
            name: name.clone(),
            found: Found::Temporary,
        });
    }
    for bindir in &layout.bindirs {
        match image.descend(bindir) {
            Ok(Descent::Missing) => {}
            Ok(Descent::Link(_)) => survey.linked.push(bindir.clone()),
            Ok(Descent::NoDirectory(path)) => errors.push(not_a_directory(&path)),
            Ok(Descent::Found(dir)) => match dir.names() {
                Ok(names) => {
                    for on_disk in &names {
                        // What is lost has its name again by now, unless this is a dry run.
                        let lost = aside::lost(&names, on_disk);
                        let found = if lost.is_none() && is_temporary(on_disk) {
                            aside::is_precious(image, layout, (&dir, bindir), on_disk).map(|is| {
                                if is {
                                    Found::Precious
                                } else {
                                    Found::Temporary
                                }
                            })
                        } else {
                            look(&dir, on_disk, &scripts)
                        };
                        match found {
                            Ok(found) => survey.entries.push(Entry {
                                bindir: bindir.clone(),
                                name: lost.unwrap_or(on_disk).to_owned(),
                                found,
                            }),
                            Err(error) => errors.push(error),
                        }
                    }
                }
                Err(error) => errors.push(error),
            },
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(survey)
    } else {
        Err(errors)
    }
}

/// The scripts of this implementation that are there already.
#[derive(Debug, Default)]
struct Scripts {
    dir: Option<Dir>,
    names: BTreeSet<OsString>,
}

fn taken_names(image: &Dir, scripts: &Path) -> Result<Scripts> {
    match image.descend(scripts)? {
        Descent::Missing => Ok(Scripts::default()),
        Descent::Found(dir) => Ok(Scripts {
            names: dir.names()?.into_iter().collect(),
            dir: Some(dir),
        }),
        Descent::Link(path) | Descent::NoDirectory(path) => Err(not_a_directory(&path)),
    }
}

fn not_a_directory(path: &Path) -> Error {
    Error::refused("use", path.as_os_str(), "is not a directory")
}

/// Whether it is a regular file that may be executed.
fn is_executable(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_mode & 0o111 != 0
}

fn look(dir: &Dir, name: &OsStr, scripts: &Scripts) -> Result<Found> {
    let stat = dir.stat(name)?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if !is_executable(&stat) => Found::Plain,
        FileType::RegularFile => {
            let head = dir.read_at_most(name, HEAD)?;
            let rival = rival(dir, name, &head, scripts)?;
            Found::Executable(Executable { head, rival })
        }
        FileType::Symlink => Found::Link(dir.read_link(name)?),
        FileType::Directory => Found::Directory,
        _ => Found::Special,
    })
}

fn rival(dir: &Dir, name: &OsStr, head: &[u8], scripts: &Scripts) -> Result<Option<Rival>> {
    let Some(there) = scripts
        .dir
        .as_ref()
        .filter(|_| scripts.names.contains(name))
    else {
        return Ok(None);
    };
    if wrapper::is_wrapper(head) {
        return Ok(None);
    }
    let kind = FileType::from_raw_mode(there.stat(name)?.st_mode);
    Ok(Some(Rival {
        ours: dir.read(name)?,
        theirs: match kind {
            FileType::RegularFile => Some(there.read(name)?),
            _ => None,
        },
    }))
}
