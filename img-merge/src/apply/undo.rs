//! Takes back what a transaction did, the last first.
//!
//! It takes only what is ours: a name that another process changed meanwhile stays as it is, and a directory of ours
//! stays if another process has put something into it.

use std::path::Path;

use common::Error;
use common::fs::{At, Dir, Published, publish, publish_directory, put_back};
use rustix::io::Errno;

use super::directories::replace_metadata;
use super::log::{Done, How};
use super::subtract::{give_mode_back, subtract};
use super::transaction::Transaction;
use crate::journal::replay::restore_directory;

/// Undoes everything in the log. A DEST that was made stays, empty. Returns what could not be undone.
pub(crate) fn undo(tx: &Transaction<'_>) -> Vec<Error> {
    let mut errors = undo_metadata(tx);
    for done in tx.log.take().iter().rev() {
        if let Err(cause) = undo_one(tx, done) {
            let whole = tx.inputs.at(None, &done.path());
            errors.push(Error::io("undo the merge of", whole, cause));
        }
    }
    errors.extend(tidy_up(tx));
    errors.extend(give_times_back(tx));
    errors
}

/// First of all: an image's mode may forbid us to remove names.
fn undo_metadata(tx: &Transaction<'_>) -> Vec<Error> {
    let metadata_changed = tx.log.take_changed_metadata();
    let undone = metadata_changed.iter().rev().filter_map(|it| {
        let cause = replace_metadata(tx, &it.place, &it.attributes, &it.xattrs).err()?;
        let whole = tx.inputs.at(None, &it.place);
        Some(Error::io("set attributes of", whole, cause))
    });
    undone.collect()
}

fn give_times_back(tx: &Transaction<'_>) -> Vec<Error> {
    let destination = tx.inputs.destination;
    let times = tx.notes.take_times();
    let failed = times.iter().rev().filter_map(|record| {
        let cause = restore_directory(&destination.root, record).err()?;
        Some(Error::io("set times in", &destination.path, cause))
    });
    failed.collect()
}

/// Gives directories their modes back and removes the stagings. The directories that hold a staging come last: their
/// mode may forbid to remove it.
pub(crate) fn tidy_up(tx: &Transaction<'_>) -> Vec<Error> {
    let destination = tx.inputs.destination;
    let volumes = tx.stagings.volumes();
    let is_top = |path: &Path| volumes.iter().any(|volume| volume == path);
    let give_back =
        |which: &dyn Fn(&Path) -> bool| tx.made_writable.give_modes_back(destination, which);
    let mut errors = give_back(&|path| !is_top(path));
    errors.extend(tx.stagings.remove());
    errors.extend(give_back(&|_| true));
    errors
}

fn undo_one(tx: &Transaction<'_>, done: &Done) -> Result<(), Errno> {
    let dir = tx.inputs.destination.root.beneath(&done.place)?;
    let at = At::new(&dir, &done.name);
    if let How::Replaced { staged, volume } = &done.how {
        let staging = tx.stagings.get(volume)?;
        let undone = with_room(&dir, || put_back(staging.at(staged), at, done.id));
        match undone {
            Ok(()) => staging.release(staged),
            Err(_) => staging.hold(staged),
        }
        return undone;
    }
    let Some(found) = at.find(done.id)? else {
        return Ok(());
    };
    match &done.how {
        How::Made => match dir.remove_dir(&*done.name) {
            // Another process has put something into it.
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => Ok(()),
            undone => undone,
        },
        How::Placed => dir.unlink(&*done.name),
        How::Built { image, path } => {
            let source = tx.inputs.images[*image].root.beneath(path)?;
            let source = source.child(&*done.name)?;
            undo_tree(at, &source)
        }
        How::Moved { image, path } => {
            let image = &tx.inputs.images[*image];
            let home = image.root.beneath(path)?;
            let to = At::new(&home, &done.name);
            let whole = || image.absolute(&path.join(common::fs::as_os(&done.name)));
            if !found.kind.is_dir() {
                return with_room(&home, || untaken(publish(at, to)));
            }
            with_room(&home, || move_back(tx, at, to, &whole()))
        }
        How::Replaced { .. } => Ok(()),
    }
}

/// Renames a directory back into its image.
fn move_back(tx: &Transaction<'_>, at: At<'_>, to: At<'_>, whole: &Path) -> Result<(), Errno> {
    let publish = || {
        untaken(publish_directory(at, to, |is| {
            tx.notes.placeholder(whole, is)
        }))
    };
    let here = at.stat()?;
    match publish() {
        Err(Errno::ACCESS) if tx.inputs.caller.is_shut_out_of_own(&here) => {
            let dir = at.dir.child(at.name)?;
            dir.set_mode(here.mode | 0o700)?;
            let moved = publish();
            dir.set_mode(here.mode)?;
            moved
        }
        done => done,
    }
}

/// Removes from a tree what the image has too. Other processes may have written into it: their files stay.
fn undo_tree(at: At<'_>, source: &Dir) -> Result<(), Errno> {
    let tree = at.dir.child(at.name)?;
    let mode = tree.stat()?.mode;
    if subtract(&tree, source)? {
        return at.dir.remove_dir(at.name);
    }
    give_mode_back(&tree, mode)?;
    Err(Errno::NOTEMPTY)
}

/// A name that is taken is an error here.
fn untaken(published: Result<Published, Errno>) -> Result<(), Errno> {
    match published? {
        Published::Done => Ok(()),
        Published::Taken => Err(Errno::EXIST),
    }
}

/// Whether a disk or a quota is used up.
fn lacks_room(cause: Errno) -> bool {
    matches!(cause, Errno::NOSPC | Errno::DQUOT)
}

/// Tries again after a sync if there was no room: some file systems give room back only then.
fn with_room(dir: &Dir, act: impl Fn() -> Result<(), Errno>) -> Result<(), Errno> {
    match act() {
        Err(cause) if lacks_room(cause) => {
            rustix::fs::syncfs(dir)?;
            act()
        }
        done => done,
    }
}
