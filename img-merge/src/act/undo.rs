//! Takes back what a transaction did, the last first.
//!
//! Only what is ours is taken away: a name that another process changed meanwhile stays as it is, and
//! what others put into a directory of ours keeps that directory.

use std::ffi::CStr;
use std::path::{Path, PathBuf};

use common::Error;
use rustix::io::Errno;

use super::publish::Name;
use super::subtract::{shut_again, subtract};
use super::work::{Done, Work, lock};
use super::{dirs, publish, replace};
use crate::destination::Destination;
use crate::journal::Written;
use crate::plan::as_os;
use crate::recovery;
use crate::staging::{Staging, aside};
use common::fs::Dir;

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
        let ends = self.stagings.remove();
        let failed = |(volume, cause): &(PathBuf, Errno)| {
            let whole = self.destination.at(volume);
            Error::io("remove the temporary directory in", whole, *cause)
        };
        let held = |path: &PathBuf| {
            let why = "it is what could not be put back; the next merge does it";
            Error::refused("remove", self.destination.at(path), why)
        };
        let kept = |path: &PathBuf| kept(self.destination, path);
        let told = ends.held.iter().map(held);
        let told = told.chain(ends.kept.iter().map(kept));
        told.chain(ends.failed.iter().map(failed)).collect()
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
                let taken = staging.dir.stat_name(&aside);
                match taken.and_then(|taken| it.is(&taken, &staging.dir)) {
                    Ok(true) => staging.dir.unlink(&aside),
                    another => {
                        give_back((&staging, &aside), (&dir, name))?;
                        another.and_then(|_| leave(&dir))
                    }
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
                staging.hold(staged);
                let dir = root.beneath(place)?;
                with_room(&dir, || {
                    replace::put_back((&staging.dir, staged), (&dir, name), *new)
                })?;
                staging.release(staged);
                Ok(())
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
        let (mode, source) = match dir.child(name) {
            Ok(tree) if it.is(&tree.stat()?, &tree)? => {
                let source = self.images[*image].root.beneath(path)?.child(name)?;
                let here = tree.stat()?;
                if self.caller.is_shut_out_of_own(&here) {
                    tree.set_mode(here.mode | 0o700)?;
                }
                (here.mode, source)
            }
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
            Err(cause) => return Err(cause),
        };
        // Others may have put something into it: whatever fails from here on, it is not removed.
        let aside = aside();
        match publish::directory((&dir, name), (&staging.dir, &aside), publish::unnoted) {
            Ok(()) => {}
            Err(cause) if lacks_room(cause) => return self.undo_tree_in_place(done, &dir, mode),
            Err(cause) => return Err(cause),
        }
        let tree = staging.dir.child(&aside);
        let emptied = tree.and_then(|tree| subtract(&tree, &source));
        if emptied == Ok(true) {
            return staging.dir.remove_dir(&aside);
        }
        self.publish_directory((&staging.dir, &aside), (&dir, name), || {
            place.join(as_os(name))
        })?;
        shut_again(&dir.child(name)?, mode)?;
        emptied.and(Err(Errno::NOTEMPTY))
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

/// Gives another's file that was taken aside its name again. Where it has none it is kept.
fn give_back((staging, taken): (&Staging, &CStr), to: Name<'_>) -> Result<(), Errno> {
    staging.hold(taken);
    let given = publish::file((&staging.dir, taken), to).or_else(|cause| {
        staging.dir.rename_over(taken, &staging.dir, aside())?;
        staging.release(taken);
        Err(cause)
    });
    if given.is_ok() {
        staging.release(taken);
    }
    given
}

/// Says where what may be another's is now.
pub(crate) fn kept(destination: &Destination, path: &Path) -> Error {
    let why = "it could not go back to its place, so it is kept";
    Error::refused("remove", destination.at(path), why)
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
