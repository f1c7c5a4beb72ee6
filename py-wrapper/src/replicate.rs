//! `--replicate`: one script for several implementations, as Gentoo's `python_replicate_script` has it.
//!
//! The script goes to the script root once for each, its first line naming that interpreter, and a wrapper
//! takes its place in the bin directory. A file that lies in a bin directory of the image is replaced where
//! it is; any other comes to the first bin directory.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::fs::{Identity, Kind};
use common::{Error, Implementation, Result, show};
use rustix::io::Errno;

use crate::image::folder::{Descent, Folder};
use crate::image::leftovers::Place;
use crate::image::source::Source;
use crate::layout::Layout;
use crate::plan::{Action, Decision, Wrap};
use crate::script::{self, Class};
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
    pub(crate) wrap: Wrap,
}

impl Replica {
    /// What is done for each implementation.
    pub(crate) fn decisions(&self) -> impl Iterator<Item = (&Implementation, Decision)> {
        self.editions.iter().map(|edition| {
            let decision = Decision {
                bindir: self.bindir.clone(),
                name: self.name.clone(),
                action: Action::Replicate(edition.wrap.clone()),
            };
            (&edition.implementation, decision)
        })
    }
}

/// Reads the files and decides. On failure it returns every error.
pub(crate) fn prepare(
    place: Place<'_>,
    files: &[PathBuf],
    implementations: &[Implementation],
) -> Result<Vec<Replica>, Vec<Error>> {
    let mut replicas: Vec<Replica> = Vec::new();
    let mut errors = Vec::new();
    for file in files {
        match replica(place, file, implementations) {
            Ok(one) if replicas.iter().any(|other| other.name == one.name) => {
                let why = "another FILE has the same name";
                errors.push(Error::refused("replicate", file.as_os_str(), why));
            }
            Ok(mut replica) => {
                errors.extend(taken(place, &mut replica));
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

fn replica(place: Place<'_>, file: &Path, implementations: &[Implementation]) -> Result<Replica> {
    let Place { image, options } = place;
    let refuse = |why: &str| Error::refused("replicate", file.as_os_str(), why);
    let name = file.file_name().ok_or_else(|| refuse("has no name"))?;
    let bindir = bindir_of(image, file, &options.layout);
    let source = Source::open(file, bindir.is_some())?;
    if wrapper::is_wrapper(&source.content) {
        return Err(refuse("is a wrapper already"));
    }
    let edition = |implementation: &Implementation| {
        let class = script::classify(
            &source.content,
            implementation,
            &options.layout,
            image.path(),
        );
        let head = match class {
            Class::Ours(head) => head,
            Class::Foreign(named, head) if options.force || is_kin(&named, implementation) => head,
            Class::Foreign(named, _) => {
                let named = show::name(&named);
                let why = format!("its first line names {named}, not {implementation}");
                return Err(refuse(&why));
            }
            Class::Other(why) | Class::Unfit(why) => return Err(refuse(why)),
        };
        let is_there = false;
        Ok(Edition {
            implementation: implementation.clone(),
            wrap: Wrap { head, is_there },
        })
    };
    let editions = implementations.iter().map(edition);
    Ok(Replica {
        editions: editions.collect::<Result<_>>()?,
        source,
        bindir: bindir.unwrap_or_else(|| options.layout.bindirs[0].clone()),
        name: name.to_owned(),
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

/// What is in the way of a replica. A script that a killed run installed already is not.
fn taken(place: Place<'_>, replica: &mut Replica) -> Vec<Error> {
    let mut errors = Vec::new();
    let name = &replica.name;
    if !replica.source.is_part {
        let free = |it: Option<_>| it.is_none();
        errors.extend(check(place, &replica.bindir.join(name), free).err());
    }
    for edition in &mut replica.editions {
        let scripts = place.options.layout.scripts(&edition.implementation);
        let wanted = edition.wrap.head.exchange(&replica.source.content);
        let free = |it: Option<Vec<u8>>| {
            edition.wrap.is_there = it.is_some();
            it.is_none_or(|content| content == wanted)
        };
        errors.extend(check(place, &scripts.join(name), free).err());
    }
    errors
}

/// Fails unless `free` accepts the content at `path`, an installed path. Nothing there is `None`, and what is not a
/// file is never free.
fn check(place: Place<'_>, path: &Path, free: impl FnOnce(Option<Vec<u8>>) -> bool) -> Result<()> {
    let (parent, name) = (
        path.parent().unwrap_or(path),
        path.file_name().unwrap_or_default(),
    );
    let folder = place.image.descend(parent)?.unless_blocked()?;
    let is_free = match folder
        .as_ref()
        .map(|folder| (folder, folder.stat_name(name)))
    {
        None | Some((_, Err(Errno::NOENT))) => free(None),
        Some((folder, Ok(it))) => it.kind == Kind::File && free(Some(folder.read(name, u64::MAX)?)),
        Some((folder, Err(cause))) => return Err(folder.fail("stat", name)(cause)),
    };
    if is_free {
        return Ok(());
    }
    Err(Error::refused("replicate to", path, "is there already"))
}
