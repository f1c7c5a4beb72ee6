//! The directories that exist on both sides: noted before they change, made where several images have
//! them and DEST does not, and given their metadata at the end.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::Error;
use rustix::fs::{Gid, Mode, Timespec, Uid, fchown};
use rustix::io::Errno;

use super::metadata;
use super::work::{Done, Opened, Work, lock};
use crate::failure::Failure;
use crate::fs::xattrs::Bearer;
use crate::fs::{Attributes, Dir, Individual, Xattrs};
use crate::journal::{Record, Whose, Written};
use crate::plan::{DirStep, Names, Plan};
use crate::recovery;
use crate::settings::Method;

impl Work<'_> {
    /// Notes in the journal what the next run would have to put right, and opens what is shut.
    pub(crate) fn prepare(&self, plan: &Plan) -> Result<(), Failure> {
        // What is moved loses names even where DEST gains none.
        let moves = self.merge.method == Method::Move;
        if !moves && !plan.dirs.iter().any(touches) {
            return Ok(());
        }
        let mut records = Vec::new();
        // The top of a file system gets a staging, whatever else happens to it.
        let changes = |step: &&DirStep| moves || touches(step) || is_top(step);
        for step in plan.dirs.iter().filter(changes) {
            self.records_of(step, &mut records);
        }
        lock(&self.before).extend(records.iter().cloned());
        if self.journal.get().is_none() {
            self.start_journal(plan, &records)?;
        } else {
            self.note(&records)
                .map_err(|cause| self.cannot_note(cause))?;
        }
        let opens = |step: &&DirStep| step.adds_names() || is_top(step);
        for step in plan.dirs.iter().filter(opens) {
            self.open_shut(step)?;
        }
        Ok(())
    }

    /// Makes the staging that has the journal, which begins with `records`.
    fn start_journal(&self, plan: &Plan, records: &[Record]) -> Result<(), Failure> {
        let path = &self.destination.path;
        let failed = |cause| Error::io("make a temporary directory in", path, cause);
        if let Some(root) = plan
            .dirs
            .first()
            .filter(|step| step.path.as_os_str().is_empty())
        {
            // The journal cannot be made before the directory is open, so this is the one thing that
            // is noted after it was done.
            if let Some(found) = root.found.filter(|f| self.caller.is_shut_out_of_own(f)) {
                self.open(&self.destination.root, found, Path::new(""), None)
                    .map_err(failed)?;
            }
        }
        let mut first: Vec<Record> = lock(&self.opened).iter().map(Opened::record).collect();
        first.extend_from_slice(records);
        let staging = self.stagings.begin(&self.destination.root, &first);
        // It is set once, here, before any thread is started.
        drop(self.journal.set(staging.map_err(failed)?));
        Ok(())
    }

    fn cannot_note(&self, cause: Errno) -> Error {
        Error::io("write the journal in", &self.destination.path, cause)
    }

    fn records_of(&self, step: &DirStep, records: &mut Vec<Record>) {
        if step.again {
            return;
        }
        if let Some(found) = step.found {
            records.push(Record::Times {
                of: Whose {
                    path: step.place.clone(),
                    it: Individual::of(&found),
                },
                modified: found.modified,
            });
        }
        if self.merge.method == Method::Move {
            for (image, source) in &step.images {
                records.push(Record::Times {
                    of: Whose {
                        path: self.images[*image].below(&step.path),
                        it: Individual::of(source),
                    },
                    modified: source.modified,
                });
            }
        }
    }

    /// Opens directories of our own whose mode keeps us from changing names in them.
    fn open_shut(&self, step: &DirStep) -> Result<(), Error> {
        if let Some(found) = step
            .found
            .filter(|found| self.caller.is_shut_out_of_own(found))
        {
            let dir = self.destination.root.beneath(&step.place);
            dir.and_then(|dir| self.open(&dir, found, &step.place, None))
                .map_err(|cause| {
                    Error::io("open for writing", self.destination.at(&step.place), cause)
                })?;
        }
        if self.merge.method != Method::Move {
            return Ok(());
        }
        for (image, source) in &step.images {
            if self.caller.is_shut_out_of_own(source) {
                let dir = self.open_source(*image, &step.path)?;
                self.open(&dir, *source, &step.path, Some(*image))
                    .map_err(|cause| {
                        let whole = self.images[*image].at(&step.path);
                        Error::io("open for writing", whole, cause)
                    })?;
            }
        }
        Ok(())
    }

    /// Opens one directory of DEST, or of an image, for us.
    pub(crate) fn open(
        &self,
        dir: &Dir,
        found: Attributes,
        path: &Path,
        image: Option<usize>,
    ) -> Result<(), Errno> {
        let path = match image {
            Some(image) => self.images[image].below(path),
            None => path.to_owned(),
        };
        let whose = Whose {
            path,
            it: Individual::of(&found),
        };
        if lock(&self.opened)
            .iter()
            .any(|opened| opened.whose == whose)
        {
            return Ok(());
        }
        let mode = found.mode;
        let record = Record::Mode {
            of: whose.clone(),
            mode,
        };
        if self.journal.get().is_some() {
            self.note(std::slice::from_ref(&record))?;
        }
        lock(&self.opened).push(Opened { whose, mode });
        dir.set_mode(mode | 0o700)
    }

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
        let xattrs = Xattrs::read(Bearer::Open(source.as_fd()))?;
        let lost = metadata::directory(self.caller, &made, &attributes, &xattrs)?;
        let fresh = made.stat()?;
        let it = Individual::of(&fresh);
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
        self.tally.lost(lost);
        self.tally.directory(|| crate::tally::Told {
            path: step.path.clone(),
            image: model,
            kind: crate::fs::Kind::Directory,
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
        let old = Xattrs::read(Bearer::Open(dir.as_fd()))?;
        lock(&self.dressed).push((step.place.clone(), *found, old));
        let xattrs = Xattrs::read(Bearer::Open(source.as_fd()))?;
        self.redress(dir, &step.place, attributes, &xattrs)?;
        self.tally.dressed();
        Ok(())
    }

    /// Notes that the transaction is done: from here on it is not undone any more.
    pub(crate) fn commit(&self, plans: &[Plan]) -> Result<(), Error> {
        if self.journal.get().is_none() {
            return Ok(());
        }
        let mut records = vec![Record::Done];
        let of_images =
            |record: &&Record| matches!(record, Record::Times { of, .. } if of.path.is_absolute());
        records.extend(lock(&self.before).iter().filter(of_images).cloned());
        for step in plans
            .iter()
            .flat_map(|plan| &plan.dirs)
            .filter(|step| is_top(step))
        {
            records.extend(step.found.map(|found| Record::Times {
                of: Whose {
                    path: step.place.clone(),
                    it: Individual::of(&found),
                },
                modified: step.modified,
            }));
        }
        // What is open still has to be shut, whenever we are killed.
        records.extend(lock(&self.opened).iter().map(Opened::record));
        self.note(&records).map_err(|cause| self.cannot_note(cause))
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
        self.tally.lost(xattrs.replace(Bearer::Open(dir.as_fd()))?);
        let shut = self
            .caller
            .is_shut_out_of_own(&Attributes { mode, uid, ..here });
        let mut opened = lock(&self.opened);
        opened.retain(|opened| opened.whose.it.identity != here.identity);
        if shut {
            let path = place.to_owned();
            let it = Individual::of(&here);
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

    /// Shuts again those that were opened for us and that `which` selects. Errors do not stop it.
    pub(super) fn put_modes_back(&self, which: impl Fn(&Whose) -> bool) -> Vec<Error> {
        let mut opened = lock(&self.opened);
        let (now, later): (Vec<_>, Vec<_>) =
            opened.drain(..).partition(|opened| which(&opened.whose));
        *opened = later;
        let root = &self.destination.root;
        let put_back = |opened: &Opened| {
            let cause = recovery::put_right(root, &opened.record(), Written::ThisBoot).err()?;
            let whole = self.destination.at(&opened.whose.path);
            Some(Error::io("set mode of", whole, cause))
        };
        now.iter().rev().filter_map(put_back).collect()
    }

    /// Has every file system in DEST that was touched written to disk.
    pub(crate) fn sync(&self, plans: &[Plan]) -> Result<(), Error> {
        let steps = plans.iter().flat_map(|plan| &plan.dirs);
        let volumes: BTreeSet<&PathBuf> = steps.map(|step| &*step.volume).collect();
        for volume in volumes {
            let top = self.destination.root.beneath(volume);
            top.and_then(rustix::fs::syncfs)
                .map_err(|cause| Error::io("sync", self.destination.at(volume), cause))?;
        }
        Ok(())
    }

    /// Has the journal written to disk: from then on the transaction is done after any loss of power.
    pub(crate) fn sync_journal(&self) -> Result<(), Error> {
        match self.journal.get().map(|staging| staging.journal.sync()) {
            Some(Err(cause)) => Err(self.cannot_note(cause)),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// The same for the images, which are gone by then if they were moved.
    pub(crate) fn sync_images(&self) -> Vec<Error> {
        let synced = self.images.iter().map(|image| {
            let synced = rustix::fs::syncfs(&image.root);
            synced.map_err(|cause| Error::io("sync", &image.path, cause))
        });
        synced.filter_map(Result::err).collect()
    }
}

/// Whether anything of the directory in DEST changes.
fn touches(step: &DirStep) -> bool {
    let held = |found: Attributes| step.adds_names() || changes_metadata(step, &found);
    !step.again && step.found.is_none_or(held) || step.again && step.adds_names()
}

fn changes_metadata(step: &DirStep, found: &Attributes) -> bool {
    step.metadata_from.is_some() || !same_time(found.modified, step.modified)
}

/// Whether the directory is the top of a file system in DEST: its staging lies there.
fn is_top(step: &DirStep) -> bool {
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
