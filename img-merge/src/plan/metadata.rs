//! Decides whose metadata a directory gets that several sides have.

use common::Error;
use rustix::fs::Timespec;

use super::compare::Comparison;
use super::conflict::{self, Conflict, Decision};
use super::sides::{JoinedDir, Side};
use crate::inputs::Inputs;
use crate::settings::DirMetadata;

/// Decides as if the images were merged one after the other.
///
/// Returns the image whose owner, mode and xattrs the directory gets (`None` keeps DEST's), and its modification time.
pub(crate) fn decide(
    inputs: Inputs<'_>,
    joined: &JoinedDir,
    sides: &[Side],
    conflicts: &mut Vec<Conflict>,
) -> Result<(Option<usize>, Timespec), Error> {
    let policy = inputs.merge.dir_metadata;
    let mut holder = &sides[0];
    let mut modified = holder.attributes.modified;
    for side in &sides[1..] {
        let class = match policy {
            DirMetadata::Keep => None,
            DirMetadata::Image | DirMetadata::Strict => Comparison(inputs)
                .opened(
                    (&side.dir, &side.attributes),
                    (&holder.dir, &holder.attributes),
                )
                .map_err(|c| Error::io("compare", inputs.at(side.image, &joined.path), c))?,
        };
        let taken = match (policy, class) {
            (DirMetadata::Strict, Some(class)) => {
                let decision = Decision::by(inputs.merge.on_conflict);
                let of = |it: &Side| conflict::Side::new(inputs, it.image, &it.attributes);
                conflicts.push(Conflict {
                    path: joined.path.clone(),
                    class,
                    image_side: of(side),
                    held: of(holder),
                    decision,
                });
                decision == Some(Decision::Replaced)
            }
            (_, class) => class.is_some(),
        };
        if taken {
            holder = side;
        }
        let later = side.attributes.modified;
        if policy == DirMetadata::Image || later > modified {
            modified = later;
        }
    }
    Ok((holder.image, modified))
}
