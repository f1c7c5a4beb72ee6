//! Removes from one tree what another tree has too, and leaves the rest.
//!
//! This is how a tree is removed that other processes may have written to: their files are not in the other tree, so
//! they stay, with the directories that hold them.

use std::os::fd::AsFd;

use common::fs::{At, Attributes, Dir, Kind, contents, remove};
use rustix::io::{Errno, Result};

/// Removes from `tree` what `other` has too. Returns whether nothing is left. It does not enter mounts.
pub(super) fn subtract(tree: &Dir, other: &Dir) -> Result<bool> {
    let around = tree.stat()?;
    let mut made_writable = false;
    let mut is_empty = true;
    for entry in tree.list()?.iter() {
        let (ours, theirs) = (At::new(tree, entry.name), At::new(other, entry.name));
        let here = ours.stat()?;
        let there = match theirs.stat() {
            Ok(there) if there.kind == here.kind && here.is_in_mount_of(&around) => there,
            Ok(_) | Err(Errno::NOENT) => {
                is_empty = false;
                continue;
            }
            Err(cause) => return Err(cause),
        };
        let both_have_it = match here.kind {
            Kind::Directory => subtract_below(ours, theirs, &here)?,
            _ => are_equal(ours, &here, theirs, &there)?,
        };
        if !both_have_it {
            is_empty = false;
            continue;
        }
        match remove_one(ours, &here) {
            // A directory of our own with mode 0555.
            Err(Errno::ACCESS) if !made_writable => {
                tree.set_mode(around.mode | 0o700)?;
                made_writable = true;
                remove_one(ours, &here)?;
            }
            done => done?,
        }
    }
    if made_writable && !is_empty {
        tree.set_mode(around.mode)?;
    }
    Ok(is_empty)
}

fn subtract_below(ours: At<'_>, theirs: At<'_>, here: &Attributes) -> Result<bool> {
    let below = remove::child_for_us(ours.dir, ours.name)?;
    let is_empty = subtract(&below, &theirs.dir.child(theirs.name)?)?;
    if !is_empty {
        give_mode_back(&below, here.mode)?;
    }
    Ok(is_empty)
}

fn remove_one(at: At<'_>, it: &Attributes) -> Result<()> {
    if it.kind.is_dir() {
        at.dir.remove_dir(at.name)
    } else {
        at.dir.unlink(at.name)
    }
}

/// Gives a directory that stays the mode that it had before it was made writable.
pub(super) fn give_mode_back(dir: &Dir, mode: u32) -> Result<()> {
    if dir.stat()?.mode == mode {
        return Ok(());
    }
    dir.set_mode(mode)
}

/// Whether nothing is lost when `ours` is removed. A file system may keep coarser times than the other; then the
/// contents decide.
fn are_equal(ours: At<'_>, here: &Attributes, theirs: At<'_>, there: &Attributes) -> Result<bool> {
    if here.identity == there.identity {
        return Ok(true);
    }
    if here.size != there.size {
        return Ok(false);
    }
    if here.modified == there.modified {
        return Ok(true);
    }
    match here.kind {
        Kind::File => {
            let open = |at: At<'_>| at.dir.open_file(at.name);
            contents::equal(open(ours)?.as_fd(), open(theirs)?.as_fd(), &|| true)
        }
        Kind::Symlink => {
            let target = |at: At<'_>| at.dir.read_link(at.name);
            Ok(target(ours)? == target(theirs)?)
        }
        _ => Ok(here.device_number == there.device_number),
    }
}
