//! `--sync`: what was done is on disk before it is told.

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::Error;

use super::work::Work;
use crate::plan::Plan;

impl Work<'_> {
    /// Has every file system in DEST that was touched written to disk.
    pub(crate) fn sync(&self, plans: &[Plan]) -> Result<(), Error> {
        let steps = plans.iter().flat_map(|plan| &plan.dirs);
        let volumes: BTreeSet<&PathBuf> = steps.map(|step| &*step.volume).collect();
        for volume in volumes {
            let top = self.destination.root.beneath(volume);
            top.and_then(rustix::fs::syncfs)
                .map_err(|cause| Error::io("sync", self.destination.at(volume), cause))?;
        }
        Ok(())
    }

    /// The same for the images, which are gone by then if they were moved.
    pub(crate) fn sync_images(&self) -> Vec<Error> {
        let synced = self.images.iter().map(|image| {
            let synced = rustix::fs::syncfs(&image.root);
            synced.map_err(|cause| Error::io("sync", &image.path, cause))
        });
        synced.filter_map(Result::err).collect()
    }
}
