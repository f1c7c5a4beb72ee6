//! Takes from one tree what another has too, and leaves the rest.
//!
//! It is how a tree goes that others may have written to meanwhile: what they put there is not in the
//! other tree, so it stays, and the directories that hold it stay with it.

use std::ffi::CStr;
use std::os::fd::AsFd;

use rustix::io::{Errno, Result};

use super::dirs::same_time;
use common::fs::{Attributes, Dir, Kind, contents, remove};

/// Removes from `tree` what `other` has too; tells whether nothing is left.
///
/// It does not go into what is mounted there.
pub(crate) fn subtract(tree: &Dir, other: &Dir) -> Result<bool> {
    let around = tree.stat()?;
    let mut opened = false;
    let mut empty = true;
    for entry in tree.list()?.iter() {
        let name = entry.name;
        let here = tree.stat_name(name)?;
        let there = match other.stat_name(name) {
            Ok(there) if there.kind == here.kind && here.is_in_mount_of(&around) => there,
            Ok(_) | Err(Errno::NOENT) => {
                empty = false;
                continue;
            }
            Err(cause) => return Err(cause),
        };
        let is_dir = here.kind == Kind::Directory;
        let both = if is_dir {
            let below = remove::child_for_us(tree, name)?;
            let nothing_left = subtract(&below, &other.child(name)?)?;
            if !nothing_left {
                shut_again(&below, here.mode)?;
            }
            nothing_left
        } else {
            are_equal((tree, &here), (other, &there), name)?
        };
        if !both {
            empty = false;
            continue;
        }
        let remove = || {
            if is_dir {
                tree.remove_dir(name)
            } else {
                tree.unlink(name)
            }
        };
        match remove() {
            // A 0555 directory of ours.
            Err(Errno::ACCESS) if !opened => {
                tree.set_mode(around.mode | 0o700)?;
                opened = true;
                remove()?;
            }
            done => done?,
        }
    }
    if opened && !empty {
        tree.set_mode(around.mode)?;
    }
    Ok(empty)
}

/// Gives a directory that stays the mode that it had before it was opened for us.
pub(crate) fn shut_again(dir: &Dir, mode: u32) -> Result<()> {
    if dir.stat()?.mode == mode {
        return Ok(());
    }
    dir.set_mode(mode)
}

/// Whether nothing is lost when one of them goes. Where the file system keeps coarser times than the
/// other, only the contents can tell.
fn are_equal(
    (tree, here): (&Dir, &Attributes),
    (other, there): (&Dir, &Attributes),
    name: &CStr,
) -> Result<bool> {
    if here.identity == there.identity {
        return Ok(true);
    }
    if here.size != there.size {
        return Ok(false);
    }
    if same_time(here.modified, there.modified) {
        return Ok(true);
    }
    match here.kind {
        Kind::File => {
            let (ours, theirs) = (tree.open_file(name)?, other.open_file(name)?);
            contents::equal(ours.as_fd(), theirs.as_fd(), &|| true)
        }
        Kind::Symlink => Ok(tree.read_link(name)? == other.read_link(name)?),
        _ => Ok(here.device_number == there.device_number),
    }
}
