//! Repairs what a killed run left in DEST. DEST has to be locked.

use std::path::Path;

use common::fs::Caller;
use common::{Error, Result};

use crate::destination::Destination;
use crate::journal::replay::replay;
use crate::staging::left;

/// Replays the journals of the stagings at the top of DEST, and removes the stagings.
///
/// Returns what the user should know and what does not keep the merge from running.
pub(crate) fn recover(destination: &Destination, caller: &Caller) -> Result<Vec<Error>> {
    let root = &destination.root;
    let failed = |cause| Error::io("clean up", &destination.path, cause);
    let all = left::look(root, root, caller).map_err(failed)?;
    let mut notes = Vec::new();
    for left in &all {
        notes.extend(replay(destination, &left.records, caller)?);
    }
    if all.is_empty() {
        return Ok(notes);
    }
    // Its own mode may keep us from removing the stagings.
    let here = root.stat().map_err(failed)?;
    let is_read_only = caller.is_shut_out_of_own(&here);
    if is_read_only {
        root.set_mode(here.mode | 0o700).map_err(failed)?;
    }
    let removed = all.iter().try_for_each(|left| left.remove(root));
    if is_read_only {
        root.set_mode(here.mode).map_err(failed)?;
    }
    removed.map_err(failed)?;
    Ok(notes)
}

/// Removes the stagings at the top of another file system in DEST. Their journal was in the first.
pub(crate) fn sweep(destination: &Destination, volume: &Path, caller: &Caller) -> Result<()> {
    let root = &destination.root;
    let swept = root.beneath(volume).and_then(|top| {
        let all = left::look(&top, root, caller)?;
        all.iter().try_for_each(|left| left.remove(&top))
    });
    swept.map_err(|cause| Error::io("clean up", destination.at(volume), cause))
}
