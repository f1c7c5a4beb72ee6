//! The steps that were made, and the way back.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;

use common::{Error, Result, show};
use rustix::fs::{Stat, Timestamps};

use super::files;
use super::folder::Folder;
use crate::image::dir::Dir;

/// A step that can be taken back.
#[derive(Debug)]
pub(super) enum Step {
    /// A name was made; it may not be there yet, or be renamed since.
    Remove(Folder, OsString),
    /// A directory was made.
    RemoveDir(Folder, OsString),
    /// A name was kept under a temporary one (first) before it (second) was replaced.
    Restore(Folder, OsString, OsString),
}

/// What was done so far.
#[derive(Debug, Default)]
pub(super) struct Undo {
    steps: Vec<Step>,
    times: Vec<(Folder, Timestamps)>,
}

impl Undo {
    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Remembers the times that a directory has, to be given back at the end, whatever it is.
    pub(super) fn keep_times(&mut self, folder: &Folder, now: &Stat) {
        let path = folder.path();
        if !self.times.iter().any(|(there, _)| there.path() == path) {
            self.times.push((folder.clone(), files::own_times(now)));
        }
    }

    /// A directory gets these times at the end.
    pub(super) fn set_times(&mut self, folder: Folder, times: Timestamps) {
        self.times.push((folder, times));
    }

    /// Everything went well: what was kept is let go.
    pub(super) fn settle(self) -> Result<(), Vec<Error>> {
        let mut errors = Vec::new();
        for step in self.steps {
            if let Step::Restore(folder, old, _) = step {
                let removed = folder.dir().and_then(|dir| dir.remove(&old));
                errors.extend(removed.err());
            }
        }
        errors.extend(restore_times(&self.times));
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    /// Takes every step back, the last one first; what cannot be taken back is told.
    ///
    /// Where a name cannot have back what it was, the way ends: a script that was moved and has its wrapper stays
    /// so, and the steps before would take the script away.
    pub(super) fn back(self) -> Vec<Error> {
        let mut errors = Vec::new();
        let mut made = Vec::new();
        for step in self.steps.into_iter().rev() {
            let answer = match step {
                Step::Remove(folder, name) => folder.dir().and_then(|dir| remove(&dir, &name)),
                Step::RemoveDir(folder, name) => {
                    made.push(folder.path().join(&name));
                    folder.dir().and_then(|dir| dir.remove_dir(&name))
                }
                Step::Restore(folder, old, name) => match restore(&folder, &old, &name) {
                    Ok(answer) => answer,
                    Err(error) => {
                        let kept = folder.path().join(old);
                        let why = format!(
                            "what it was is kept as {}; run again to finish",
                            show::path(&kept)
                        );
                        let place = folder.path().join(name);
                        errors.extend([error, Error::refused("put back", place, why)]);
                        return errors;
                    }
                },
            };
            errors.extend(answer.err());
        }
        let kept: Vec<_> = self
            .times
            .into_iter()
            .filter(|(folder, _)| !made.contains(&folder.path()))
            .filter(has_changed)
            .collect();
        errors.extend(restore_times(&kept));
        errors
    }
}

/// Gives a name back what it was; inside is what became of the temporary name, by which nothing is lost.
fn restore(folder: &Folder, old: &OsStr, name: &OsStr) -> Result<Result<()>> {
    let dir = folder.dir()?;
    dir.rename(old, name)?;
    // Where both are still names of one file, a rename does nothing at all (rename(2)).
    Ok(remove(&dir, old))
}

/// Takes a name away that may be gone already.
fn remove(dir: &Dir, name: &OsStr) -> Result<()> {
    match dir.remove(name) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        answer => answer,
    }
}

/// Whether a directory is no longer what it was. One that is not ours may have refused every step, and
/// would refuse its own times too.
fn has_changed((folder, times): &(Folder, Timestamps)) -> bool {
    let now = folder.dir().and_then(|dir| dir.stat_self());
    now.map_or(true, |now| {
        files::own_times(&now).last_modification != times.last_modification
    })
}

/// Whoever may write to a directory without owning it may not set its times; they are then what the kernel made them.
fn restore_times(times: &[(Folder, Timestamps)]) -> Vec<Error> {
    let set = |(folder, times): &(Folder, Timestamps)| {
        let answer = folder.dir().and_then(|dir| dir.set_times(times));
        answer
            .err()
            .filter(|error| error.kind() != ErrorKind::PermissionDenied)
    };
    times.iter().filter_map(set).collect()
}
