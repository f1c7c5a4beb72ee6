//! Takes back what a transaction did, the last first.
//!
//! Only what is ours is taken away: a name that another process changed meanwhile stays as it is, and
//! what others put into a directory of ours keeps that directory.

use std::path::PathBuf;

use common::Error;
use rustix::io::Errno;

use super::publish::Name;
use super::subtract::{shut_again, subtract};
use super::work::{Done, Work, lock};
use super::{dirs, publish, replace};
use crate::fs::Dir;
use crate::journal::Written;
use crate::plan::as_os;
use crate::recovery;

/// Undoes everything in the log; a DEST that was made stays, empty. What could not be undone comes back.
pub(crate) fn undo(work: &Work<'_>) -> Vec<Error> {
    // A directory that got an image's mode may be shut to us.
    let mut errors = work.undo_metadata();
    let log = std::mem::take(&mut *lock(&work.log));
    for done in log.iter().rev() {
        let at = path_of(done);
        if let Err(cause) = work.undo_one(done) {
            errors.push(failed(work.destination.at(&at), cause));
        }
    }
    errors.extend(work.tidy_up());
    errors.extend(work.restore_times());
    errors
}

fn failed(whole: PathBuf, cause: Errno) -> Error {
    let verb = "undo the merge of";
    match cause {
        Errno::STALE => Error::refused(verb, whole, "it may be another's by now, so it is left"),
        cause => Error::io(verb, whole, cause),
    }
}

fn path_of(done: &Done) -> PathBuf {
    match done {
        Done::Made { place, .. } => place.clone(),
        Done::Placed { place, name, .. }
        | Done::Tree { place, name, .. }
        | Done::Moved { place, name, .. }
        | Done::Replaced { place, name, .. } => place.join(as_os(name)),
    }
}

impl Work<'_> {
    /// Shuts what was opened for us and removes what is temporary. What the staging lies in is shut
    /// last: its mode may forbid to remove it.
    pub(crate) fn tidy_up(&self) -> Vec<Error> {
        let tops = self.stagings.volumes();
        let mut errors = self.put_modes_back(|of| !tops.contains(&of.path));
        errors.extend(self.clean_up());
        errors.extend(self.put_modes_back(|_| true));
        errors
    }

    /// Removes what is temporary, the journal last.
    fn clean_up(&self) -> Vec<Error> {
        let failed = |(volume, cause): (PathBuf, Errno)| {
            let whole = self.destination.at(&volume);
            Error::io("remove the temporary directory in", whole, cause)
        };
        self.stagings.remove().into_iter().map(failed).collect()
    }

    fn undo_one(&self, done: &Done) -> Result<(), Errno> {
        let root = &self.destination.root;
        match done {
            Done::Made { place, it } => {
                let (parent, name) = dirs::split(place)?;
                let parent = root.beneath(parent)?;
                match parent.stat_name(&name) {
                    Ok(there) if it.is(&there, &parent)? => {}
                    Ok(_) | Err(Errno::NOENT) => return Ok(()),
                    Err(cause) => return Err(cause),
                }
                match parent.remove_dir(&name) {
                    // Others put something into it.
                    Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => Ok(()),
                    done => done,
                }
            }
            Done::Placed {
                place,
                volume,
                name,
                it,
            } => {
                let staging = self.stagings.get(root, volume)?;
                let (dir, aside) = (root.beneath(place)?, staging.fresh());
                match publish::file((&dir, name), (&staging.dir, &aside)) {
                    Ok(()) => {}
                    // No room to see what it is before it is gone.
                    Err(cause) if lacks_room(cause) => {
                        return match dir.stat_name(name) {
                            Ok(there) if it.is(&there, &dir)? => dir.unlink(name),
                            Ok(_) => leave(&dir),
                            Err(Errno::NOENT) => Ok(()),
                            Err(cause) => Err(cause),
                        };
                    }
                    Err(Errno::NOENT) => return Ok(()),
                    Err(cause) => return Err(cause),
                }
                if it.is(&staging.dir.stat_name(&aside)?, &staging.dir)? {
                    staging.dir.unlink(&aside)
                } else {
                    publish::file((&staging.dir, &aside), (&dir, name))?;
                    leave(&dir)
                }
            }
            Done::Tree { .. } => self.undo_tree(done),
            Done::Moved {
                place,
                name,
                image,
                path,
                it,
            } => {
                let dir = root.beneath(place)?;
                match dir.stat_name(name) {
                    Ok(there) if it.is(&there, &dir)? => {
                        let home = self.images[*image].root.beneath(path)?;
                        let whole = || self.images[*image].below(&path.join(as_os(name)));
                        with_room(&home, || self.move_back((&dir, name), (&home, name), whole))
                    }
                    Ok(_) | Err(Errno::NOENT) => Ok(()),
                    Err(cause) => Err(cause),
                }
            }
            Done::Replaced {
                place,
                volume,
                name,
                staged,
                new,
            } => {
                let staging = self.stagings.get(root, volume)?;
                let dir = root.beneath(place)?;
                with_room(&dir, || {
                    replace::put_back((&staging.dir, staged), (&dir, name), *new)
                })
            }
        }
    }

    /// Moves what `from` names home to the image, where its whole path is `path`.
    fn move_back(
        &self,
        from: Name<'_>,
        home: Name<'_>,
        path: impl Fn() -> PathBuf,
    ) -> Result<(), Errno> {
        let (holder, name) = from;
        let here = holder.stat_name(name)?;
        if !here.kind.is_dir() {
            return publish::file(from, home);
        }
        match self.publish_directory(from, home, &path) {
            Err(Errno::ACCESS) if self.caller.is_shut_out_of_own(&here) => {
                let dir = holder.child(name)?;
                dir.set_mode(here.mode | 0o700)?;
                let moved = self.publish_directory(from, home, &path);
                dir.set_mode(here.mode)?;
                moved
            }
            done => done,
        }
    }

    /// Takes a subtree out of sight by one rename, and removes what the image has too.
    fn undo_tree(&self, done: &Done) -> Result<(), Errno> {
        let Done::Tree {
            place,
            volume,
            name,
            image,
            path,
            it,
        } = done
        else {
            return Ok(());
        };
        let root = &self.destination.root;
        let (staging, dir) = (self.stagings.get(root, volume)?, root.beneath(place)?);
        let mode = match dir.child(name) {
            Ok(tree) if it.is(&tree.stat()?, &tree)? => {
                let here = tree.stat()?;
                if self.caller.is_shut_out_of_own(&here) {
                    tree.set_mode(here.mode | 0o700)?;
                }
                here.mode
            }
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
            Err(cause) => return Err(cause),
        };
        let aside = staging.fresh();
        match publish::directory((&dir, name), (&staging.dir, &aside), publish::unnoted) {
            Ok(()) => {}
            Err(cause) if lacks_room(cause) => return self.undo_tree_in_place(done, &dir, mode),
            Err(cause) => return Err(cause),
        }
        let tree = staging.dir.child(&aside)?;
        let source = self.images[*image].root.beneath(path)?.child(name)?;
        if subtract(&tree, &source)? {
            return staging.dir.remove_dir(&aside);
        }
        // Others put something into it.
        self.publish_directory((&staging.dir, &aside), (&dir, name), || {
            place.join(as_os(name))
        })?;
        shut_again(&tree, mode)?;
        Err(Errno::NOTEMPTY)
    }

    /// The same in the sight of all, where there is no room for a rename.
    fn undo_tree_in_place(&self, done: &Done, dir: &Dir, mode: u32) -> Result<(), Errno> {
        let Done::Tree {
            name, image, path, ..
        } = done
        else {
            return Ok(());
        };
        let tree = dir.child(name)?;
        let source = self.images[*image].root.beneath(path)?.child(name)?;
        if subtract(&tree, &source)? {
            return dir.remove_dir(name);
        }
        shut_again(&tree, mode)?;
        Err(Errno::NOTEMPTY)
    }

    fn undo_metadata(&self) -> Vec<Error> {
        let mut errors = Vec::new();
        for (place, attributes, xattrs) in std::mem::take(&mut *lock(&self.dressed)).iter().rev() {
            let dir = self.destination.root.beneath(place);
            let undone = dir.and_then(|dir| self.redress(&dir, place, attributes, xattrs));
            errors.extend(
                undone
                    .err()
                    .map(|cause| Error::io("set attributes of", self.destination.at(place), cause)),
            );
        }
        errors
    }

    /// Gives the directories the times that they had.
    fn restore_times(&self) -> Vec<Error> {
        let mut errors = Vec::new();
        for record in lock(&self.before).iter().rev() {
            if let Err(cause) =
                recovery::put_right(&self.destination.root, record, Written::ThisBoot)
            {
                errors.push(Error::io("set times in", &self.destination.path, cause));
            }
        }
        errors
    }
}

/// Leaves what is not known for ours: another's, which needs no word, unless the file system's inode
/// numbers prove nothing.
fn leave(dir: &Dir) -> Result<(), Errno> {
    if dir.has_true_inodes()? {
        return Ok(());
    }
    Err(Errno::STALE)
}

/// What a disk or a quota answers that is used up.
fn lacks_room(cause: Errno) -> bool {
    matches!(cause, Errno::NOSPC | Errno::DQUOT)
}

/// Tries once more what there was no room for: some file systems give back what was freed, or taken for
/// the worst case, when they write it to disk.
fn with_room(dir: &Dir, act: impl Fn() -> Result<(), Errno>) -> Result<(), Errno> {
    match act() {
        Err(cause) if lacks_room(cause) => {
            rustix::fs::syncfs(dir)?;
            act()
        }
        done => done,
    }
}
