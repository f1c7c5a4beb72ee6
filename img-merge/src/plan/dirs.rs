//! Whose metadata a directory gets that exists on several sides.

use common::Error;
use rustix::fs::Timespec;

use super::compare;
use super::conflict::{self, Conflict, Decision};
use super::scan::{Scan, Side, Task};
use crate::settings::{DirMetadata, OnConflict};

/// The metadata that a directory gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metadata {
    /// The image whose owner, mode and xattrs it gets; nothing where DEST's stay.
    pub(crate) from: Option<usize>,
    pub(crate) modified: Timespec,
}

/// Decides as if the images came one after the other.
pub(crate) fn decide(scan: &Scan<'_>, task: &Task, sides: &[Side]) -> Result<Metadata, Error> {
    let mut holder = &sides[0];
    let mut metadata = Metadata {
        from: holder.image,
        modified: holder.attributes.modified,
    };
    for side in &sides[1..] {
        let later = side.attributes.modified;
        let taken = match scan.merge.dir_metadata {
            DirMetadata::Keep => false,
            DirMetadata::Image => differs(scan, task, side, holder)?.is_some(),
            DirMetadata::Strict => match differs(scan, task, side, holder)? {
                Some(class) => is_replaced(scan, task, (side, holder), class),
                None => false,
            },
        };
        if taken {
            metadata.from = side.image;
            holder = side;
        }
        let newer =
            (later.tv_sec, later.tv_nsec) > (metadata.modified.tv_sec, metadata.modified.tv_nsec);
        if newer || scan.merge.dir_metadata == DirMetadata::Image {
            metadata.modified = later;
        }
    }
    Ok(metadata)
}

fn differs(
    scan: &Scan<'_>,
    task: &Task,
    side: &Side,
    holder: &Side,
) -> Result<Option<conflict::Class>, Error> {
    let new = (&side.dir, &side.attributes);
    let old = (&holder.dir, &holder.attributes);
    compare::directories(scan.caller, new, old)
        .map_err(|cause| Error::io("compare", scan.path_of(side, &task.path), cause))
}

fn is_replaced(
    scan: &Scan<'_>,
    task: &Task,
    (side, holder): (&Side, &Side),
    class: conflict::Class,
) -> bool {
    let decision = match scan.merge.on_conflict {
        OnConflict::Error => None,
        OnConflict::Keep => Some(Decision::Kept),
        OnConflict::Replace => Some(Decision::Replaced),
    };
    scan.conflict(Conflict {
        path: task.path.clone(),
        class,
        image: side.image.unwrap_or_default(),
        brought: conflict::Side::new(scan.root_of(side.image), &side.attributes),
        held: conflict::Side::new(scan.root_of(holder.image), &holder.attributes),
        decision,
    });
    decision == Some(Decision::Replaced)
}
