//! `--sync`: what was done is on disk before success is reported.

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::Error;

use super::transaction::Transaction;
use crate::image::Image;
use crate::plan::Plan;

/// Writes every file system in DEST that was touched to disk.
pub(crate) fn sync(tx: &Transaction<'_>, plans: &[Plan]) -> Result<(), Error> {
    let steps = plans.iter().flat_map(|plan| &plan.dirs);
    let volumes: BTreeSet<&PathBuf> = steps.map(|step| &*step.volume).collect();
    for volume in volumes {
        let top = tx.inputs.destination.root.beneath(volume);
        top.and_then(rustix::fs::syncfs)
            .map_err(|cause| Error::io("sync", tx.inputs.at(None, volume), cause))?;
    }
    Ok(())
}

/// Writes the file systems of the images to disk. After a move the images are gone by then.
pub(crate) fn sync_images(images: &[Image]) -> Vec<Error> {
    let failed = images.iter().filter_map(|image| {
        let cause = rustix::fs::syncfs(&image.root).err()?;
        Some(Error::io("sync", &image.path, cause))
    });
    failed.collect()
}
