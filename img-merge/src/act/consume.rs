//! Removes what is left of an image that was moved: its equal files, its losers, its directories.
//!
//! It runs after the transaction is done. What was not planned is not removed: an image that someone
//! still writes to keeps what came late, and that is an error.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use common::Error;
use rustix::io::Errno;

use super::dirs::split;
use crate::fs::{Caller, Dir, remove};
use crate::image::Image;
use crate::plan::{DirStep, Plan, Step, as_os};

/// Removes from the images all names of `plan`, and then the directories below their tops.
/// Errors do not stop it.
pub(crate) fn consume(images: &[Image], plans: &[Plan], caller: &Caller) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut steps: Vec<&DirStep> = plans.iter().flat_map(|plan| &plan.dirs).collect();
    steps.sort_by(|a, b| b.path.cmp(&a.path));
    // A subtree that DEST had after all was joined name by name; it is emptied as it was joined.
    let joined: HashSet<&PathBuf> = steps.iter().map(|step| &step.path).collect();
    for step in &steps {
        for (image, attributes) in &step.images {
            if !step.names.iter().any(|name| name.image == *image) {
                continue;
            }
            let removed = images[*image].root.beneath(&step.path).and_then(|dir| {
                if caller.is_shut_out_of_own(attributes) {
                    dir.set_mode(0o700)?;
                }
                Ok(dir)
            });
            match removed {
                Ok(dir) => {
                    let planned = |name: &&Step| {
                        name.image == *image && !joined.contains(&step.path.join(as_os(&name.name)))
                    };
                    let names = step.names.iter().filter(planned);
                    errors.extend(remove_names(&images[*image], &dir, &step.path, names));
                }
                Err(cause) => errors.push(failed(&images[*image], &step.path, cause)),
            }
        }
    }
    let is_below = |step: &&&DirStep| !step.again && !step.path.as_os_str().is_empty();
    for step in steps.iter().filter(is_below) {
        for (image, _) in &step.images {
            let image = &images[*image];
            if let Err(cause) = remove_directory(image, &step.path) {
                errors.push(failed(image, &step.path, cause));
            }
        }
    }
    errors
}

/// Removes the images themselves, empty by now: the very last thing, so that after a kill at any moment
/// before there is an image to merge again.
pub(crate) fn remove_roots(images: &[Image]) -> Vec<Error> {
    let removed = images
        .iter()
        .map(|image| remove_root(image).map_err(|c| failed(image, Path::new(""), c)));
    removed.filter_map(Result::err).collect()
}

fn remove_root(image: &Image) -> Result<(), Errno> {
    let real = crate::destination::path_of(&image.root)?;
    let (parent, name) = split(&real)?;
    Dir::named(parent)?.remove_dir(&name)
}

fn remove_names<'a>(
    image: &Image,
    dir: &Dir,
    path: &Path,
    names: impl Iterator<Item = &'a Step>,
) -> Vec<Error> {
    let mut errors = Vec::new();
    for name in names {
        if let Err(cause) = remove::tree(dir, &name.name) {
            errors.push(failed(image, &path.join(as_os(&name.name)), cause));
        }
    }
    errors
}

fn remove_directory(image: &Image, path: &Path) -> Result<(), Errno> {
    let (parent, name) = split(path)?;
    let parent = image.root.beneath(parent);
    let done = parent.and_then(|parent| parent.remove_dir(&name));
    match done {
        Err(Errno::NOENT) => Ok(()),
        done => done,
    }
}

fn failed(image: &Image, path: &Path, cause: Errno) -> Error {
    let whole = if path.as_os_str().is_empty() {
        image.path.clone()
    } else {
        image.path.join(path)
    };
    Error::io("remove", whole, cause)
}
