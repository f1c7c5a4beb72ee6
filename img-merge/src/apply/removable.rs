//! Finds out before a move begins whether we may remove the images.
//!
//! After the transaction is done it would be too late to undo it. This looks at each image, at its directories that are
//! joined, and at its parent; what else keeps us from removing something is reported at the end.

use std::path::Path;

use common::Error;
use common::fs::{Caller, Dir, split};
use rustix::fs::{Access, AtFlags, accessat};
use rustix::io::Errno;

use crate::destination::path_of;
use crate::image::{Image, below};
use crate::inputs::Inputs;
use crate::plan::{DirStep, Plan};

/// Restricts removal to owners.
const STICKY: u32 = 0o1000;

/// What keeps us from removing the images.
pub(crate) fn refuse_unremovable(inputs: Inputs<'_>, plan: &Plan) -> Vec<Error> {
    let mut errors = Vec::new();
    for (at, image) in inputs.images.iter().enumerate() {
        if let Err(cause) = root(image, inputs.caller) {
            errors.push(Error::io("consume", &image.path, cause));
            continue;
        }
        for step in &plan.dirs {
            let holds = |other: &DirStep| other.path.parent() == Some(&*step.path);
            let has_names = || step.names.iter().any(|name| name.image == at);
            let Some(found) = step.of_image(at) else {
                continue;
            };
            // One of our own is made writable, and an empty one is removed from its parent.
            if inputs.caller.is_shut_out_of_own(found) {
                continue;
            }
            if let Err(cause) = writable(&image.root, &step.path) {
                if has_names() || plan.dirs.iter().any(holds) {
                    errors.push(Error::io("consume", image.at(&step.path), cause));
                }
            }
        }
    }
    errors
}

fn root(image: &Image, caller: &Caller) -> Result<(), Errno> {
    let path = path_of(&image.root)?;
    let parent = Dir::named(split(&path)?.0)?;
    let around = parent.stat()?;
    if !around.is_in_mount_of(&image.attributes) {
        return Err(Errno::BUSY);
    }
    writable(&parent, Path::new(""))?;
    let is_owner = caller.owns(&around) || caller.owns(&image.attributes);
    if around.mode & STICKY != 0 && !is_owner {
        return Err(Errno::PERM);
    }
    Ok(())
}

/// Only an answer that forbids it counts: a long path is opened by other means.
fn writable(from: &Dir, path: &Path) -> Result<(), Errno> {
    let path = below(Path::new("."), path);
    let access = Access::WRITE_OK | Access::EXEC_OK;
    match accessat(from, path, access, AtFlags::EACCESS) {
        Err(cause @ (Errno::ACCESS | Errno::PERM | Errno::ROFS)) => Err(cause),
        _ => Ok(()),
    }
}
