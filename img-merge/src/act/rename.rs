//! Takes a name out of an image by one rename: all that is below it goes along.

use std::ffi::CStr;
use std::path::PathBuf;

use rustix::io::Errno;

use super::place::{Brought, cannot_link};
use super::publish;
use super::visit::{Outcome, Visit};
use super::work::Done;
use crate::journal::{Record, Whose};
use crate::plan::{Step, as_os};
use crate::settings::Method;
use crate::tally::What;
use common::fs::{Dir, FileId};

impl Visit<'_> {
    /// Renames out of the image; a name that is renamed takes all that is below it along.
    pub(super) fn rename(&self, source: &Dir, step: &Step) -> Result<Outcome, Errno> {
        let file = self.of_image(source, step, None);
        // What outdoes an image before its own stays in its image until that other is gone: were it
        // renamed and we killed, the next run would meet the loser alone.
        let is_joined = self.work.groups.known(file.inode).is_some();
        if !step.kind.is_dir() && (step.outdoes || is_joined) {
            return self.file(source, step, None);
        }
        let mut renamed = self.rename_known(source, &step.name);
        if renamed == Err(Errno::ACCESS) && step.kind.is_dir() {
            renamed = self.rename_shut(source, step);
        }
        match renamed {
            Ok(it) => {
                self.work.done(Done::Moved {
                    place: self.place.clone(),
                    name: step.name.clone(),
                    image: step.image,
                    path: self.path.clone(),
                    it,
                });
                self.moved(step);
                Ok(Outcome::Done)
            }
            Err(Errno::EXIST) => Ok(Outcome::Late),
            Err(cause) if cannot_rename(cause) && self.may_fall_back() => {
                if step.kind.is_dir() {
                    Ok(Outcome::NotMoved(cause))
                } else {
                    self.file(source, step, Some(cause))
                }
            }
            Err(cause) => Err(cause),
        }
    }

    /// Renames, and tells which inode it was.
    fn rename_known(&self, source: &Dir, name: &CStr) -> Result<FileId, Errno> {
        let it = source.stat_name(name)?;
        let (from, to) = ((source, name), (&*self.dir, name));
        if it.kind.is_dir() {
            let place = || self.place.join(as_os(name));
            self.work.publish_directory(from, to, place)?;
        } else {
            publish::file(from, to)?;
        }
        Ok(FileId::of(&it))
    }

    fn moved(&self, step: &Step) {
        if step.kind.is_dir() {
            self.work.tally.tree();
            self.tell_what(step, What::MovedTree);
        } else {
            let brought = Brought {
                method: Method::Move,
                why: None,
                lost: Vec::new(),
            };
            self.tell(step, brought, false);
        }
    }

    /// A directory of ours that is not writable: its `..` changes with it, so it is opened meanwhile.
    fn rename_shut(&self, source: &Dir, step: &Step) -> Result<FileId, Errno> {
        let name = step.name.as_c_str();
        let dir = source.child(name)?;
        let found = dir.stat()?;
        if !self.work.caller.is_shut_out_of_own(&found) {
            return Err(Errno::ACCESS);
        }
        let record = |path: PathBuf| Record::Mode {
            of: Whose {
                path,
                it: FileId::of(&found),
            },
            mode: found.mode,
        };
        let image = &self.work.images[step.image];
        let path = self.path.join(as_os(name));
        self.work.note(&[
            record(image.below(&path)),
            record(self.place.join(as_os(name))),
        ])?;
        dir.set_mode(found.mode | 0o700)?;
        let renamed = self.rename_known(source, name);
        dir.set_mode(found.mode)?;
        renamed
    }
}

/// What rename answers where another method may do.
fn cannot_rename(cause: Errno) -> bool {
    cannot_link(cause) || matches!(cause, Errno::INVAL | Errno::BUSY)
}
