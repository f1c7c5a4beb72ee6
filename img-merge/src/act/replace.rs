//! Puts something in the place of what is there, so that a reader sees the one or the other.

use std::ffi::{CStr, CString};

use rustix::io::{Errno, Result};

use super::publish;
use super::visit::{Outcome, Visit};
use super::work::Done;
use crate::journal::Record;
use crate::plan::{Step, as_os};
use common::fs::{Attributes, Dir, FileId};

/// Exchanges the staged thing with `name`: the staging then holds what was there.
///
/// Where the file system knows no `RENAME_EXCHANGE`, what is there gets a second name in the staging, and
/// then the new one is renamed over it.
pub(crate) fn exchange(staging: &Dir, staged: &CStr, to: &Dir, name: &CStr) -> Result<()> {
    match staging.exchange(staged, to, name) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        done => return done,
    }
    let mut ready = staged.to_bytes().to_vec();
    ready.push(b'n');
    let ready = CString::new(ready).unwrap_or_default();
    staging.rename_over(staged, staging, &ready)?;
    to.link(name, staging, staged)?;
    staging.rename_over(&ready, to, name)
}

/// Undoes an exchange: what the staging kept comes back, unless someone else has put something else
/// there meanwhile.
pub(crate) fn put_back(
    (staging, kept): (&Dir, &CStr),
    (to, name): (&Dir, &CStr),
    new: FileId,
) -> Result<()> {
    match to.stat_name(name) {
        Ok(there) if new.is(&there, to)? => {}
        Ok(_) => return Ok(()),
        // Someone removed ours; what was there before is still better than nothing.
        Err(Errno::NOENT) => return publish::file((staging, kept), (to, name)),
        Err(cause) => return Err(cause),
    }
    match staging.exchange(kept, to, name) {
        Err(Errno::INVAL | Errno::NOSYS) => staging.rename_over(kept, to, name),
        done => done,
    }
}

impl Visit<'_> {
    /// Brings a file in the place of `old`, which the staging keeps.
    pub(super) fn replace(&self, source: &Dir, step: &Step, old: FileId) -> Result<Outcome> {
        let (staging, staged, brought) = self.stage(self.of_image(source, step, None))?;
        match self.dir.stat_name(&step.name) {
            Ok(there) if old.is(&there, &self.dir)? => {}
            // Another than was compared, or none: look again.
            Ok(_) | Err(Errno::NOENT) => return Ok(Outcome::Late),
            Err(cause) => return Err(cause),
        }
        let new = FileId::of(&staging.dir.stat_name(&staged)?);
        let kept = self
            .step
            .volume
            .join(as_os(&staging.name))
            .join(as_os(&staged));
        self.work.note(&[Record::Replaced {
            place: self.place.join(as_os(&step.name)),
            staged: kept,
            new,
        }])?;
        exchange(&staging.dir, &staged, &self.dir, &step.name)?;
        let kept = staging.dir.stat_name(&staged);
        let is_old = |kept: &Attributes| old.is(kept, &staging.dir);
        let was_old = kept.as_ref().map_or(Ok(true), is_old);
        let replaced = || Done::Replaced {
            place: self.place.clone(),
            volume: self.step.volume.clone(),
            name: step.name.clone(),
            staged: staged.clone(),
            new,
        };
        if was_old == Ok(false) {
            // What came into the staging is a file that was put there this very moment.
            put_back((&staging.dir, &staged), (&self.dir, &step.name), new).inspect_err(|_| {
                staging.hold(&staged);
                self.work.done(replaced());
            })?;
            return Ok(Outcome::Late);
        }
        self.work.done(replaced());
        kept.and(was_old)?;
        self.work.tally.replaced();
        self.tell(step, brought, true);
        Ok(Outcome::Done)
    }
}
