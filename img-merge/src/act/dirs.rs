//! The directories that exist on both sides: made where several images have them and DEST does not, and
//! given their metadata at the end.

use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::Error;
use rustix::fs::{Gid, Mode, Timespec, Uid, fchown};
use rustix::io::Errno;

use super::metadata;
use super::opened::Opened;
use super::work::{Done, Work, lock};
use crate::failure::Failure;
use crate::journal::{Record, Whose};
use crate::plan::{DirStep, Names, Plan};
use common::fs::xattrs::XattrTarget;
use common::fs::{Attributes, Dir, FileId, Xattrs};

impl Work<'_> {
    /// Makes the directories that several images have and DEST has not.
    ///
    /// The paths come back where DEST has something after all; their names are put aside to be planned
    /// anew with all that is below them.
    pub(crate) fn make_dirs(&self, plan: &Plan) -> Result<Vec<PathBuf>, Failure> {
        let mut late: Vec<PathBuf> = Vec::new();
        for step in plan.dirs.iter().filter(|step| step.found.is_none()) {
            // The plan is sorted: what is below a path comes right after it.
            if late.last().is_some_and(|path| step.path.starts_with(path)) {
                continue;
            }
            self.check()?;
            match self.make_dir(step) {
                Ok(()) => {}
                Err(Errno::EXIST) => {
                    self.put_directory_aside(step)?;
                    late.push(step.path.clone());
                }
                Err(cause) => {
                    let whole = self.destination.at(&step.place);
                    return Err(Error::io("make", whole, cause).into());
                }
            }
        }
        Ok(late)
    }

    fn put_directory_aside(&self, step: &DirStep) -> Result<(), Error> {
        let failed = |cause| Error::io("make", self.destination.at(&step.place), cause);
        let (path, name) = split(&step.path).map_err(failed)?;
        let (place, _) = split(&step.place).map_err(failed)?;
        self.put_aside(Names {
            path: path.to_owned(),
            place: place.to_owned(),
            volume: step.volume.clone(),
            images: step.images.iter().map(|(image, _)| *image).collect(),
            all: vec![name],
        });
        Ok(())
    }

    fn make_dir(&self, step: &DirStep) -> Result<(), Errno> {
        let root = &self.destination.root;
        let staging = self.stagings.get(root, &step.volume)?;
        let model = step
            .metadata_from
            .unwrap_or_else(|| step.images.first().map_or(0, |i| i.0));
        let source = self.images[model].root.beneath(&step.path)?;
        let temporary = staging.fresh();
        staging.dir.make_dir(&temporary, Mode::RWXU)?;
        let made = staging.dir.child(&temporary)?;
        let attributes = source.stat()?;
        let xattrs = Xattrs::read(XattrTarget::Open(source.as_fd()))?;
        let lost = metadata::directory(self.caller, &made, &attributes, &xattrs)?;
        let fresh = made.stat()?;
        let it = FileId::of(&fresh);
        let (parent, name) = split(&step.place)?;
        let parent = root.beneath(parent)?;
        let mine = Attributes {
            uid: self.caller.uid,
            ..attributes
        };
        if self.caller.is_shut_out_of_own(&mine) {
            let found = Attributes {
                identity: fresh.identity,
                born: fresh.born,
                ..mine
            };
            self.open(&made, found, &step.place, None)?;
        }
        self.note(&[Record::Times {
            of: Whose {
                path: step.place.clone(),
                it,
            },
            modified: step.modified,
        }])?;
        self.publish_directory((&staging.dir, &temporary), (&parent, &name), || {
            step.place.clone()
        })?;
        lock(&self.made).insert(step.place.clone(), it);
        self.tally.lost(&lost);
        self.tally.directory(|| crate::tally::Told {
            path: step.path.clone(),
            image: model,
            kind: common::fs::Kind::Directory,
            what: crate::tally::What::MadeDirectory,
        });
        self.done(Done::Made {
            place: step.place.clone(),
            it,
        });
        Ok(())
    }

    /// Metadata and times of the directories of `plan`, innermost first.
    pub(crate) fn finish_dirs(&self, plan: &Plan) -> Result<(), Failure> {
        for step in plan.dirs.iter().rev().filter(|step| !step.again) {
            let is_root = step.place.as_os_str().is_empty();
            // The staging came and goes in the root.
            if touches(step) || is_root && self.journal.get().is_some() {
                self.finish_dir(step)?;
            }
        }
        self.check()
    }

    fn finish_dir(&self, step: &DirStep) -> Result<(), Error> {
        let dir = self.open_place(step)?;
        let failed =
            |cause| Error::io("set attributes of", self.destination.at(&step.place), cause);
        if let (Some(image), Some(found)) = (step.metadata_from, step.found) {
            self.take_metadata(&dir, &found, image, step)
                .map_err(failed)?;
        }
        self.set_times(&dir, step).map_err(failed)
    }

    fn finish_times(&self, step: &DirStep) -> Result<(), Error> {
        let dir = self.open_place(step)?;
        self.set_times(&dir, step)
            .map_err(|cause| Error::io("set times of", self.destination.at(&step.place), cause))
    }

    fn set_times(&self, dir: &Dir, step: &DirStep) -> Result<(), Errno> {
        match dir.set_modified(step.modified) {
            // Another's directory that we may write to: its times are not ours to set.
            Err(Errno::PERM) if step.found.is_some_and(|found| !self.caller.owns(&found)) => Ok(()),
            done => done,
        }
    }

    fn take_metadata(
        &self,
        dir: &Dir,
        found: &Attributes,
        image: usize,
        step: &DirStep,
    ) -> Result<(), Errno> {
        let source = self.images[image].root.beneath(&step.path)?;
        let planned = step.images.iter().find(|(of, _)| *of == image);
        let Some((_, attributes)) = planned else {
            return Ok(());
        };
        let old = Xattrs::read(XattrTarget::Open(dir.as_fd()))?;
        lock(&self.dressed).push((step.place.clone(), *found, old));
        let xattrs = Xattrs::read(XattrTarget::Open(source.as_fd()))?;
        self.redress(dir, &step.place, attributes, &xattrs)?;
        self.tally.dressed();
        Ok(())
    }

    /// The tops of file systems held a staging: their times once more, now that it is gone.
    pub(crate) fn settle_roots(&self, plan: &Plan) -> Vec<Error> {
        if self.journal.get().is_none() {
            return Vec::new();
        }
        let tops = plan.dirs.iter().filter(|step| is_top(step));
        tops.filter_map(|step| self.finish_times(step).err())
            .collect()
    }

    /// Gives a directory of DEST owner, xattrs and mode in the place of its own.
    ///
    /// A mode that would shut us out waits: names may have to be taken back.
    pub(super) fn redress(
        &self,
        dir: &Dir,
        place: &Path,
        like: &Attributes,
        xattrs: &Xattrs,
    ) -> Result<(), Errno> {
        let here = dir.stat()?;
        let (uid, gid, mode) = self.caller.reachable(like);
        if (here.uid, here.gid) != (uid, gid) {
            fchown(dir, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        self.tally
            .lost(&xattrs.replace(XattrTarget::Open(dir.as_fd()))?);
        let shut = self
            .caller
            .is_shut_out_of_own(&Attributes { mode, uid, ..here });
        let mut opened = lock(&self.opened);
        opened.retain(|opened| opened.whose.it.identity != here.identity);
        if shut {
            let path = place.to_owned();
            let it = FileId::of(&here);
            opened.push(Opened {
                whose: Whose { path, it },
                mode,
            });
        }
        let mode = if shut { mode | 0o700 } else { mode };
        if dir.stat()?.mode == mode {
            return Ok(());
        }
        dir.set_mode(mode)
    }
}

/// Whether anything of the directory in DEST changes.
pub(super) fn touches(step: &DirStep) -> bool {
    let held = |found: Attributes| step.adds_names() || changes_metadata(step, &found);
    !step.again && step.found.is_none_or(held) || step.again && step.adds_names()
}

fn changes_metadata(step: &DirStep, found: &Attributes) -> bool {
    step.metadata_from.is_some() || !same_time(found.modified, step.modified)
}

/// Whether the directory is the top of a file system in DEST: its staging lies there.
pub(super) fn is_top(step: &DirStep) -> bool {
    step.place == *step.volume && !step.again
}

pub(crate) fn same_time(a: Timespec, b: Timespec) -> bool {
    (a.tv_sec, a.tv_nsec) == (b.tv_sec, b.tv_nsec)
}

/// A path below DEST as the directory that holds it and its name.
pub(crate) fn split(path: &Path) -> Result<(&Path, CString), Errno> {
    let parent = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().unwrap_or_default();
    let name = CString::new(name.as_bytes()).map_err(|_| Errno::INVAL)?;
    Ok((parent, name))
}
