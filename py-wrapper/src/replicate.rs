//! `--replicate`: one script for several implementations, as Gentoo's `python_replicate_script` has it.
//!
//! The script goes to the script root once for each, its first line naming that interpreter, and a wrapper
//! takes its place in the bin directory. A file that lies in a bin directory of the image is replaced where
//! it is; any other comes to the first bin directory.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::fs::{Identity, Kind};
use common::{Error, Implementation, Result, show};
use rustix::io::Errno;

use crate::image::folder::{Descent, Folder};
use crate::image::source::Source;
use crate::layout::Layout;
use crate::script::{self, Class, Head};
use crate::wrapper;

/// A script to install for several implementations.
#[derive(Debug)]
pub(crate) struct Replica {
    /// The file; a part of the image gives way to the wrapper.
    pub(crate) source: Source,
    /// The bin directory that gets the wrapper, as the installed system sees it.
    pub(crate) bindir: PathBuf,
    /// The script's name.
    pub(crate) name: OsString,
    /// The script for each implementation.
    pub(crate) editions: Vec<Edition>,
}

/// The script for one implementation.
#[derive(Debug)]
pub(crate) struct Edition {
    pub(crate) implementation: Implementation,
    /// How it begins.
    pub(crate) head: Head,
    /// Whether it is in its place already, as a killed run leaves it.
    pub(crate) is_there: bool,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) implementations: &'a [Implementation],
    pub(crate) layout: &'a Layout,
    pub(crate) force: bool,
}

/// Reads the files and decides; all that is wrong is in the second part.
pub(crate) fn prepare(
    image: &Folder,
    root: &Path,
    files: &[PathBuf],
    order: Order<'_>,
) -> Result<Vec<Replica>, Vec<Error>> {
    let mut replicas: Vec<Replica> = Vec::new();
    let mut errors = Vec::new();
    for file in files {
        match replica(image, root, file, order) {
            Ok(one) if replicas.iter().any(|other| other.name == one.name) => {
                let why = "another FILE has the same name";
                errors.push(Error::refused("replicate", file.as_os_str(), why));
            }
            Ok(mut replica) => {
                errors.extend(taken(image, &mut replica, order.layout));
                replicas.push(replica);
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(replicas)
    } else {
        Err(errors)
    }
}

fn replica(image: &Folder, root: &Path, file: &Path, order: Order<'_>) -> Result<Replica> {
    let refuse = |why: &str| Error::refused("replicate", file.as_os_str(), why);
    let name = file
        .file_name()
        .ok_or_else(|| refuse("has no name"))?
        .to_owned();
    let bindir = bindir_of(image, file, order.layout);
    let source = Source::open(file, bindir.is_some())?;
    if wrapper::is_wrapper(&source.content) {
        return Err(refuse("is a wrapper already"));
    }
    let mut editions = Vec::new();
    for implementation in order.implementations {
        let head = match script::classify(&source.content, implementation, order.layout, root) {
            Class::Ours(head) => head,
            Class::Foreign(named, head) if order.force || is_kin(&named, implementation) => head,
            Class::Foreign(named, _) => {
                let named = show::name(&named);
                let why =
                    format!("its first line names {named}, which is not for {implementation}");
                return Err(refuse(&why));
            }
            Class::Other(why) | Class::Unfit(why) => return Err(refuse(why)),
        };
        editions.push(Edition {
            implementation: implementation.clone(),
            head,
            is_there: false,
        });
    }
    Ok(Replica {
        source,
        bindir: bindir.unwrap_or_else(|| order.layout.bindirs[0].clone()),
        name,
        editions,
    })
}

/// Whether a script of that implementation is meant for this one too: the major version tells.
fn is_kin(named: &str, implementation: &Implementation) -> bool {
    let named = named.parse::<Implementation>();
    named.is_ok_and(|named| named.version().0 == implementation.version().0)
}

/// The bin directory of the image in which the file lies, whichever way leads there.
fn bindir_of(image: &Folder, file: &Path, layout: &Layout) -> Option<PathBuf> {
    let parent = match file.parent()? {
        empty if empty.as_os_str().is_empty() => Path::new("."),
        parent => parent,
    };
    let parent = fs::metadata(parent).ok()?;
    let parent = Identity {
        device: parent.dev(),
        inode: parent.ino(),
    };
    let is_parent = |bindir: &&PathBuf| match image.descend(bindir) {
        Ok(Descent::Found(dir)) => dir.stat_self().is_ok_and(|dir| dir.identity == parent),
        _ => false,
    };
    layout.bindirs.iter().find(is_parent).cloned()
}

/// What is in the way of a replica. A script that is as it will be is not.
fn taken(image: &Folder, replica: &mut Replica, layout: &Layout) -> Vec<Error> {
    let mut errors = Vec::new();
    let name = &replica.name;
    if !replica.source.is_part {
        match there(image, &replica.bindir, name) {
            Ok(There::Nothing) => {}
            Ok(_) => errors.push(is_taken(&replica.bindir, name)),
            Err(error) => errors.push(error),
        }
    }
    for edition in &mut replica.editions {
        let place = layout.scripts(&edition.implementation);
        match there(image, &place, name) {
            Ok(There::Nothing) => {}
            Ok(There::File(content))
                if content == edition.head.exchange(&replica.source.content) =>
            {
                edition.is_there = true;
            }
            Ok(_) => errors.push(is_taken(&place, name)),
            Err(error) => errors.push(error),
        }
    }
    errors
}

fn is_taken(place: &Path, name: &OsStr) -> Error {
    Error::refused("replicate to", place.join(name), "is there already")
}

/// What has a name.
enum There {
    Nothing,
    /// A file with this content.
    File(Vec<u8>),
    Other,
}

fn there(image: &Folder, place: &Path, name: &OsStr) -> Result<There> {
    let Some(folder) = image.descend(place)?.unless_blocked()? else {
        return Ok(There::Nothing);
    };
    match folder.stat_name(name) {
        Ok(it) if it.kind == Kind::File => folder.read(name, u64::MAX).map(There::File),
        Ok(_) => Ok(There::Other),
        Err(Errno::NOENT) => Ok(There::Nothing),
        Err(cause) => Err(folder.fail("stat", name)(cause)),
    }
}
