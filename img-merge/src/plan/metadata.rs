//! Decides whose metadata a directory gets that several sides have.

use common::Error;
use rustix::fs::Timespec;

use super::compare::Comparison;
use super::conflict::{self, Class, Conflict, Decision};
use super::sides::{JoinedDir, Side};
use crate::inputs::Inputs;
use crate::settings::DirMetadata;

/// The metadata that a directory gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metadata {
    /// The image whose owner, mode and xattrs it gets; `None` to keep DEST's.
    pub(crate) from: Option<usize>,
    pub(crate) modified: Timespec,
}

/// Decides as if the images were merged one after the other.
pub(crate) fn decide(
    inputs: Inputs<'_>,
    joined: &JoinedDir,
    sides: &[Side],
    conflicts: &mut Vec<Conflict>,
) -> Result<Metadata, Error> {
    let policy = inputs.merge.dir_metadata;
    let mut holder = &sides[0];
    let mut metadata = Metadata {
        from: holder.image,
        modified: holder.attributes.modified,
    };
    for side in &sides[1..] {
        let class = match policy {
            DirMetadata::Keep => None,
            DirMetadata::Image | DirMetadata::Strict => differs(inputs, side, holder)
                .map_err(|c| Error::io("compare", inputs.at(side.image, &joined.path), c))?,
        };
        let taken = match (policy, class) {
            (DirMetadata::Strict, Some(class)) => {
                let decision = Decision::by(inputs.merge.on_conflict);
                let of = |it: &Side| conflict::Side::new(inputs, it.image, &it.attributes);
                let path = joined.path.clone();
                let conflict = Conflict::new(path, class, of(side), of(holder));
                conflicts.push(conflict.decided(decision));
                decision == Some(Decision::Replaced)
            }
            (_, class) => class.is_some(),
        };
        if taken {
            metadata.from = side.image;
            holder = side;
        }
        let later = side.attributes.modified;
        if policy == DirMetadata::Image || later > metadata.modified {
            metadata.modified = later;
        }
    }
    Ok(metadata)
}

fn differs(inputs: Inputs<'_>, side: &Side, holder: &Side) -> rustix::io::Result<Option<Class>> {
    let comparison = Comparison {
        caller: inputs.caller,
        interrupts: inputs.interrupts,
    };
    let (new, old) = (&side.attributes, &holder.attributes);
    comparison.directories((&side.dir, new), (&holder.dir, old))
}
