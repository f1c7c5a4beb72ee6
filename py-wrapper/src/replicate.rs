//! `--replicate`: one script for several implementations, as Gentoo's `python_replicate_script` has it.
//!
//! The script goes to the script root once for each, its first line naming that interpreter, and a wrapper
//! takes its place in the bin directory. A file that lies in a bin directory of the image is replaced where
//! it is; any other comes to the first bin directory.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Error, Implementation, Result, show};

use crate::image::dir::{Descent, Dir};
use crate::layout::{Layout, normal};
use crate::script::{self, Class, Head};

/// A script to install for several implementations.
#[derive(Debug)]
pub(crate) struct Replica {
    /// The file that is read.
    pub(crate) file: PathBuf,
    /// The bin directory that gets the wrapper, as the installed system sees it.
    pub(crate) bindir: PathBuf,
    /// The script's name.
    pub(crate) name: OsString,
    /// Whether the file itself gives way to the wrapper.
    pub(crate) in_place: bool,
    /// How the script begins for each implementation.
    pub(crate) heads: Vec<(Implementation, Head)>,
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
    image: &Dir,
    root: &Path,
    files: &[PathBuf],
    order: Order<'_>,
) -> Result<Vec<Replica>, Vec<Error>> {
    let mut replicas = Vec::new();
    let mut errors = Vec::new();
    for file in files {
        match replica(root, file, order) {
            Ok(replica) => {
                errors.extend(taken(image, &replica, order.layout));
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

fn replica(root: &Path, file: &Path, order: Order<'_>) -> Result<Replica> {
    let refuse = |why: &str| Error::refused("replicate", file.as_os_str(), why);
    let content = fs::read(file).map_err(|cause| Error::io("read", file, cause))?;
    let name = file
        .file_name()
        .ok_or_else(|| refuse("has no name"))?
        .to_owned();
    let mut heads = Vec::new();
    for implementation in order.implementations {
        let head = match script::classify(&content, implementation, order.layout, root) {
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
        heads.push((implementation.clone(), head));
    }
    let bindir = bindir_of(root, file, order.layout);
    Ok(Replica {
        file: file.to_owned(),
        in_place: bindir.is_some(),
        bindir: bindir.unwrap_or_else(|| order.layout.bindirs[0].clone()),
        name,
        heads,
    })
}

/// Whether a script of that implementation is meant for this one too: the major version tells.
fn is_kin(named: &str, implementation: &Implementation) -> bool {
    let named = named.parse::<Implementation>();
    named.is_ok_and(|named| named.version().0 == implementation.version().0)
}

/// The bin directory of the image in which the file lies.
fn bindir_of(root: &Path, file: &Path, layout: &Layout) -> Option<PathBuf> {
    let file = normal(&std::path::absolute(file).ok()?);
    let inside = file.strip_prefix(normal(root)).ok()?;
    let parent = Path::new("/").join(inside.parent()?);
    layout.bindirs.iter().find(|dir| **dir == parent).cloned()
}

/// What is in the way of a replica.
fn taken(image: &Dir, replica: &Replica, layout: &Layout) -> Vec<Error> {
    let mut places: Vec<PathBuf> = Vec::new();
    if !replica.in_place {
        places.push(replica.bindir.clone());
    }
    places.extend(replica.heads.iter().map(|(one, _)| layout.scripts(one)));
    let mut errors = Vec::new();
    for place in places {
        match image.descend(&place) {
            Ok(Descent::Found(dir)) => match dir.names() {
                Ok(names) if names.contains(&replica.name) => {
                    errors.push(Error::refused(
                        "replicate to",
                        place.join(&replica.name),
                        "is there already",
                    ));
                }
                Ok(_) => {}
                Err(error) => errors.push(error),
            },
            Ok(Descent::Missing) => {}
            Ok(Descent::Link(path) | Descent::NoDirectory(path)) => {
                errors.push(Error::refused(
                    "use",
                    path.as_os_str(),
                    "is not a directory",
                ));
            }
            Err(error) => errors.push(error),
        }
    }
    errors
}
