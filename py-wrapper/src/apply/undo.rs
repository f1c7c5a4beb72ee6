//! The steps that were made, and the way back.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use common::{Error, Result};
use rustix::fs::Timestamps;

use super::files;
use crate::image::dir::Dir;

/// A step that can be taken back.
#[derive(Debug)]
pub(super) enum Step {
    /// A name was made; it may not be there yet, or be renamed since.
    Remove(Arc<Dir>, OsString),
    /// A directory was made.
    RemoveDir(Arc<Dir>, OsString),
    /// A name was kept under a temporary one (first) before it (second) was replaced.
    Restore(Arc<Dir>, OsString, OsString),
}

/// What was done so far.
#[derive(Debug, Default)]
pub(super) struct Undo {
    steps: Vec<Step>,
    times: Vec<(Arc<Dir>, Timestamps)>,
}

impl Undo {
    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Remembers the times that a directory has, to be given back at the end, whatever it is.
    pub(super) fn keep_times(&mut self, dir: &Arc<Dir>) -> Result<()> {
        let known = |(there, _): &(Arc<Dir>, Timestamps)| there.path() == dir.path();
        if !self.times.iter().any(known) {
            self.times
                .push((dir.clone(), files::own_times(&dir.stat_self()?)));
        }
        Ok(())
    }

    /// A directory gets these times at the end.
    pub(super) fn set_times(&mut self, dir: &Arc<Dir>, times: Timestamps) {
        self.times.push((dir.clone(), times));
    }

    /// Everything went well: what was kept is let go.
    pub(super) fn settle(self) -> Result<(), Vec<Error>> {
        let mut errors = Vec::new();
        for step in self.steps {
            if let Step::Restore(dir, old, _) = step {
                errors.extend(dir.remove(&old).err());
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
    pub(super) fn back(self) -> Vec<Error> {
        let mut errors = Vec::new();
        let mut made = Vec::new();
        for step in self.steps.into_iter().rev() {
            let answer = match step {
                Step::Remove(dir, name) => remove(&dir, &name),
                Step::RemoveDir(dir, name) => {
                    made.push(dir.at(&name));
                    dir.remove_dir(&name)
                }
                // Where both are still names of one file, a rename does nothing at all (rename(2)).
                Step::Restore(dir, old, name) => {
                    dir.rename(&old, &name).and_then(|()| remove(&dir, &old))
                }
            };
            errors.extend(answer.err());
        }
        let kept: Vec<_> = self
            .times
            .into_iter()
            .filter(|(dir, _)| !made.iter().any(|gone| dir.path() == gone))
            .filter(has_changed)
            .collect();
        errors.extend(restore_times(&kept));
        errors
    }
}

/// Takes a name away that may be gone already.
fn remove(dir: &Dir, name: &OsStr) -> Result<()> {
    match dir.remove(name) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        answer => answer,
    }
}

/// Whether a directory is no longer what it was. One that is not ours may have refused every step, and
/// would refuse its own times too.
fn has_changed((dir, times): &(Arc<Dir>, Timestamps)) -> bool {
    dir.stat_self().map_or(true, |now| {
        files::own_times(&now).last_modification != times.last_modification
    })
}

fn restore_times(times: &[(Arc<Dir>, Timestamps)]) -> Vec<Error> {
    let set = |(dir, times): &(Arc<Dir>, Timestamps)| dir.set_times(times).err();
    times.iter().filter_map(set).collect()
}
