//! What planning and applying have in common: the images, DEST, the options and our rights.

use std::path::{Path, PathBuf};

use common::Interrupts;
use common::fs::Caller;

use crate::destination::Destination;
use crate::image::{Image, below};
use crate::settings::{Merge, Method};

/// The inputs of one transaction. It never changes them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) images: &'a [Image],
    pub(crate) destination: &'a Destination,
    pub(crate) merge: &'a Merge,
    pub(crate) caller: &'a Caller,
    pub(crate) interrupts: &'a Interrupts,
    /// Whether the report needs every path, not only totals.
    pub(crate) wants_paths: bool,
}

impl Inputs<'_> {
    /// Whether a signal asked us to stop.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupts.pending().is_some()
    }

    pub(crate) fn moves(&self) -> bool {
        self.merge.method == Method::Move
    }

    /// Whether the plan also keeps names that DEST needs no change for.
    pub(crate) fn keeps_unchanged(&self) -> bool {
        self.wants_paths || self.moves() || self.merge.dry_run
    }

    /// The root of an image, or of DEST for `None`, as messages have it.
    pub(crate) fn root_of(&self, image: Option<usize>) -> &Path {
        image.map_or(&self.destination.path, |image| &self.images[image].path)
    }

    /// A path in an image, or in DEST for `None`, as messages have it.
    pub(crate) fn at(&self, image: Option<usize>, path: &Path) -> PathBuf {
        below(self.root_of(image), path)
    }
}
