//! Finds out before a move begins whether its images can be consumed.
//!
//! What cannot be removed from an image would be found out when the transaction is done, and too late to
//! be undone. So the rights are asked for first: a call for each directory that is joined.

use std::path::Path;

use common::Error;
use rustix::fs::{Access, AtFlags, accessat};
use rustix::io::Errno;

use super::dirs::split;
use crate::image::Image;
use crate::plan::{Act, DirStep, Plan, Step, as_os};
use common::fs::{Attributes, Caller, Dir};

/// Restricts removal to owners.
const STICKY: u32 = 0o1000;

/// What keeps us from removing the images of `plan`.
pub(crate) fn probe(images: &[Image], plan: &Plan, caller: &Caller) -> Vec<Error> {
    let mut errors = Vec::new();
    for (at, image) in images.iter().enumerate() {
        if let Err(cause) = root(image, caller) {
            errors.push(Error::io("consume", &image.path, cause));
            continue;
        }
        for step in &plan.dirs {
            let of = |(of, found): &(usize, Attributes)| (*of == at).then_some(*found);
            let Some(found) = step.images.iter().find_map(of) else {
                continue;
            };
            if let Err(cause) = directory(image, at, step, &found, caller) {
                let holds = |other: &DirStep| other.path.parent() == Some(&*step.path);
                // An empty directory is removed from the one that holds it.
                if step.names.iter().any(|name| name.image == at) || plan.dirs.iter().any(holds) {
                    errors.push(Error::io("consume", image.at(&step.path), cause));
                }
            } else if !caller.overrides_modes {
                errors.extend(trees(image, at, step, caller));
            }
        }
    }
    errors
}

/// Whether the image itself can be taken away.
fn root(image: &Image, caller: &Caller) -> Result<(), Errno> {
    let real = crate::destination::path_of(&image.root)?;
    let (parent, _) = split(&real)?;
    let parent = Dir::named(parent)?;
    let around = parent.stat()?;
    if !around.is_in_mount_of(&image.attributes) {
        return Err(Errno::BUSY);
    }
    writable(&parent, Path::new("."))?;
    keeps(&around, &image.attributes, caller)
}

fn directory(
    image: &Image,
    at: usize,
    step: &DirStep,
    found: &Attributes,
    caller: &Caller,
) -> Result<(), Errno> {
    // One of our own is opened for the time.
    if !caller.is_shut_out_of_own(found) {
        let path = if step.path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &step.path
        };
        writable(&image.root, path)?;
    }
    if found.mode & STICKY == 0 || caller.owns(found) {
        return Ok(());
    }
    let dir = image.root.beneath(&step.path)?;
    for name in step.names.iter().filter(|name| name.image == at) {
        keeps(found, &dir.stat_name(&name.name)?, caller)?;
    }
    Ok(())
}

/// What keeps us from removing the subtrees of the image: those that are discarded, and those that cannot
/// be renamed for the same reason, and would be copied.
fn trees(image: &Image, at: usize, step: &DirStep, caller: &Caller) -> Vec<Error> {
    let goes = |name: &&Step| {
        name.image == at && name.kind.is_dir() && matches!(name.act, Act::Place | Act::Kept)
    };
    let path = |name: &Step| step.path.join(as_os(&name.name));
    let names = step.names.iter().filter(goes);
    let errors = names.filter_map(|name| {
        let path = path(name);
        let cause = tree(image, &path, caller).err()?;
        Some(Error::io("consume", image.at(&path), cause))
    });
    errors.collect()
}

fn tree(image: &Image, path: &Path, caller: &Caller) -> Result<(), Errno> {
    let Err(cause) = writable(&image.root, path) else {
        return Ok(());
    };
    let dir = image.root.beneath(path)?;
    // One of our own is opened for the time, and one that is empty is removed all the same.
    if caller.is_shut_out_of_own(&dir.stat()?) || dir.list()?.iter().next().is_none() {
        return Ok(());
    }
    Err(cause)
}

/// Only what forbids is an answer: a path that is too long for one call is opened by other means.
fn writable(from: &Dir, path: &Path) -> Result<(), Errno> {
    match accessat(
        from,
        path,
        Access::WRITE_OK | Access::EXEC_OK,
        AtFlags::EACCESS,
    ) {
        Err(cause @ (Errno::ACCESS | Errno::PERM | Errno::ROFS)) => Err(cause),
        _ => Ok(()),
    }
}

/// In a sticky directory only the owner of it, or of what is in it, removes.
fn keeps(around: &Attributes, it: &Attributes, caller: &Caller) -> Result<(), Errno> {
    if around.mode & STICKY != 0 && !caller.owns(around) && !caller.owns(it) {
        return Err(Errno::PERM);
    }
    Ok(())
}
