//! Refuses an image and DEST, or two images, of which one lies inside the other, also behind symlinks.
//!
//! The same directory under two names (a bind mount) is found here by its inode at the top, and below it while the
//! directories are read.

use std::path::{Path, PathBuf};

use common::Error;
use common::fs::{Dir, Identity};
use rustix::io::Errno;

use crate::destination::{parent_of, path_of};
use crate::failure::Failure;
use crate::image::Image;

/// An image, or DEST.
struct Tree<'a> {
    /// As the user named it.
    name: &'a Path,
    /// Without links.
    path: PathBuf,
    /// `None` for a DEST that is missing.
    identity: Option<Identity>,
}

/// Refuses `images` and a `destination` of which two overlap.
pub(crate) fn refuse(images: &[Image], destination: &Path) -> Result<(), Failure> {
    let failed = |name: &Path, cause| Error::io("resolve", name, cause);
    let mut trees = Vec::new();
    for image in images {
        trees.push(Tree {
            name: &image.path,
            path: path_of(&image.root).map_err(|cause| failed(&image.path, cause))?,
            identity: Some(image.attributes.identity),
        });
    }
    trees.push(of_destination(destination).map_err(|cause| failed(destination, cause))?);
    let mut errors = Vec::new();
    for (at, tree) in trees.iter().enumerate() {
        for other in &trees[..at] {
            if tree.overlaps(other) {
                let why = format!("it overlaps {}", common::show::path(other.name));
                errors.push(Error::refused("merge", tree.name, why));
            }
        }
    }
    Failure::unless_none(errors)
}

fn of_destination(name: &Path) -> Result<Tree<'_>, Errno> {
    let (path, identity) = match Dir::named(name) {
        Ok(dir) => (path_of(&dir)?, Some(dir.stat()?.identity)),
        Err(Errno::NOENT) => {
            let parent = path_of(&Dir::named(parent_of(name))?)?;
            (parent.join(name.file_name().unwrap_or_default()), None)
        }
        Err(cause) => return Err(cause),
    };
    Ok(Tree {
        name,
        path,
        identity,
    })
}

impl Tree<'_> {
    fn overlaps(&self, other: &Self) -> bool {
        let same = self.identity.is_some() && self.identity == other.identity;
        same || self.path.starts_with(&other.path) || other.path.starts_with(&self.path)
    }
}
