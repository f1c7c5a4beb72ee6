//! What a subtree of an image looks like that is to be discarded, so that nothing goes with it that came late.

use std::ffi::CStr;
use std::path::PathBuf;

use rustix::fs::Timespec;
use rustix::io::{Errno, Result};

use super::as_os;
use common::fs::Dir;

/// All directories of the subtree `name`, which is `path` of the image, with their times. What may not be
/// read is left out.
pub(super) fn directories(
    parent: &Dir,
    name: &CStr,
    path: PathBuf,
    all: &mut Vec<(PathBuf, Timespec)>,
) -> Result<()> {
    let dir = match parent.child(name) {
        Err(Errno::ACCESS) => return Ok(()),
        opened => opened?,
    };
    let modified = dir.stat()?.modified;
    for entry in dir.list()?.iter() {
        let kind = entry.kind.map_or_else(|| dir.kind_of(entry.name), Ok)?;
        if kind.is_dir() {
            directories(&dir, entry.name, path.join(as_os(entry.name)), all)?;
        }
    }
    all.push((path, modified));
    Ok(())
}
