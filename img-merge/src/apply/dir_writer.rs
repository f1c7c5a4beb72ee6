//! Gives one directory of DEST its names: it acts first and looks at the error after.
//!
//! EEXIST means that another process, which ignores the lock, was faster. The name is deferred and planned again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use common::fs::{
    At, Attributes, Dir, FileId, Handle, Identity, Published, as_os, exchange, publish,
    publish_directory, put_back,
};
use common::{Error, lock};
use rustix::io::Errno;

use super::log::{Done, How};
use super::placer::{Place, Placer, Source, cannot_link};
use super::transaction::Transaction;
use super::tree_builder::{Built, BuiltTree, Tree};
use crate::failure::Failure;
use crate::journal::Record;
use crate::plan::{Act, DirStep, Plan, Step};
use crate::pool::Pool;
use crate::settings::Method;
use crate::staging::Staging;
use crate::stats::{PathEvent, Placed, Stats, What};

/// A directory of DEST that gets names.
struct DirWriter<'a> {
    tx: &'a Transaction<'a>,
    placer: Placer<'a>,
    step: &'a DirStep,
    dir: Handle<'a>,
    place: Arc<PathBuf>,
    path: Arc<PathBuf>,
    sources: BTreeMap<usize, Arc<Handle<'a>>>,
    stats: Stats,
}

/// What became of a name.
enum Outcome {
    Done,
    /// DEST has it after all.
    Taken,
    /// A directory cannot be renamed here.
    NotMoved(Errno),
}

/// Gives the directories of `plan` the names that `wanted` selects, by their positions in the plan.
///
/// Returns the directories that could not be renamed.
pub(super) fn write_names(
    tx: &Transaction<'_>,
    plan: &Plan,
    built: &Built,
    wanted: impl Fn(Tree) -> bool + Sync,
) -> Result<Vec<Tree>, Failure> {
    let not_moved = Mutex::new(Vec::new());
    Pool::run(tx.inputs.merge.threads, places(plan), |dirs, pool| {
        for dir in dirs {
            let step = &plan.dirs[dir];
            let names = step.names.iter().enumerate();
            let names = names.filter(|(_, step)| step.changes());
            let names = names.map(|(name, _)| Tree::new(dir, name));
            let names: Vec<Tree> = names.filter(|tree| wanted(*tree)).collect();
            if names.is_empty() {
                continue;
            }
            let mut writer = match DirWriter::new(tx, step) {
                Ok(writer) => writer,
                Err(error) => return tx.fail(&step.path, error),
            };
            for tree in names {
                if tx.is_stopped() {
                    return pool.stop();
                }
                let name = &step.names[tree.name];
                match writer.write(name, built.get(&(tree.dir, tree.name)).map(|it| &**it)) {
                    Ok(Outcome::Done) => {}
                    Ok(Outcome::Taken) => tx.defer(step, name.name.clone()),
                    Ok(Outcome::NotMoved(why)) => {
                        let why = Some(why);
                        lock(&not_moved).push(Tree { why, ..tree });
                    }
                    Err(error) => tx.fail(&step.path.join(as_os(&name.name)), error),
                }
            }
            tx.count(&tx.stats, writer.stats);
        }
    });
    tx.check()?;
    let mut not_moved = not_moved.into_inner().unwrap_or_default();
    not_moved.sort_by_key(|tree| (tree.dir, tree.name));
    Ok(not_moved)
}

/// The directories that get names, those of one place together: one thread writes to a place. The pool takes the last
/// one first.
fn places(plan: &Plan) -> Vec<Vec<usize>> {
    let mut places: BTreeMap<&Path, Vec<usize>> = BTreeMap::new();
    for (at, step) in plan.dirs.iter().enumerate() {
        if step.adds_names() {
            places.entry(&step.place).or_default().push(at);
        }
    }
    places.into_values().rev().collect()
}

impl<'a> DirWriter<'a> {
    fn new(tx: &'a Transaction<'a>, step: &'a DirStep) -> Result<Self, Error> {
        Ok(Self {
            tx,
            placer: Placer { tx },
            step,
            dir: tx.open_place(step)?,
            place: Arc::new(step.place.clone()),
            path: Arc::new(step.path.clone()),
            sources: BTreeMap::new(),
            stats: Stats::default(),
        })
    }

    fn write(&mut self, step: &Step, built: Option<&BuiltTree>) -> Result<Outcome, Error> {
        let source = match self.sources.entry(step.image) {
            Entry::Vacant(free) => {
                let opened = self.tx.open_source(step.image, &self.step.path)?;
                free.insert(Arc::new(opened)).clone()
            }
            Entry::Occupied(open) => open.get().clone(),
        };
        let method = self.tx.inputs.merge.method.word();
        let (verb, outcome) = match (step.act, built) {
            (Act::Replace(old), _) => ("replace", self.replace(&source, step, old)),
            (_, Some(built)) => (method, self.publish_tree(built, &source, step)),
            _ if self.tx.inputs.moves() => (method, self.rename(&source, step)),
            _ => (method, self.file(&source, step, None)),
        };
        outcome.map_err(|cause| {
            let place = self.step.place.join(as_os(&step.name));
            Error::io(verb, self.tx.inputs.at(None, &place), cause)
        })
    }

    /// Links a file, or makes it ready in the staging and publishes it.
    fn file(&mut self, source: &Dir, step: &Step, why: Option<Errno>) -> Result<Outcome, Errno> {
        let source = self.source(source, step, why);
        let at = At::new(&self.dir, &step.name);
        if self.placer.links(source) {
            match self.placer.link(source, Place::new(at, &self.step.volume)) {
                Ok(placed) => {
                    let id = self.linked_id(source, at)?;
                    return Ok(self.placed(step, &placed, id));
                }
                Err(Errno::EXIST) => return Ok(Outcome::Taken),
                Err(cause) if cannot_link(cause) && self.may_stage() => {}
                Err(cause) => return Err(cause),
            }
        }
        let (staging, staged, placed) = self.stage(source)?;
        let from = staging.at(&staged);
        // Once it has its place, another file may be there instead.
        let id = FileId::of(&from.stat()?);
        match publish(from, at)? {
            Published::Done => Ok(self.placed(step, &placed, id)),
            Published::Taken => Ok(Outcome::Taken),
        }
    }

    /// The file that got the name `at` by a link. If another one has that name by now, an undo must not remove it, so
    /// what it was linked from decides. overlayfs may give a file another number when it is linked.
    fn linked_id(&self, source: Source<'_>, at: At<'_>) -> Result<FileId, Errno> {
        match at.stat() {
            Ok(there) if there.identity == source.inode => Ok(FileId::of(&there)),
            _ => self.placer.linked_from(source),
        }
    }

    fn may_stage(&self) -> bool {
        let links = matches!(self.tx.inputs.merge.method, Method::Link | Method::Move);
        !links || self.placer.may_fall_back()
    }

    /// Makes a file ready in the staging.
    fn stage(&self, source: Source<'_>) -> Result<(Arc<Staging>, CString, Placed), Errno> {
        let staging = self.tx.stagings.get(&self.step.volume)?;
        let staged = staging.fresh();
        let place = Place::new(staging.at(&staged), &self.step.volume);
        let placed = self.placer.place(source, place)?;
        Ok((staging, staged, placed))
    }

    fn source<'b>(&self, dir: &'b Dir, step: &'b Step, why: Option<Errno>) -> Source<'b> {
        let found = self.step.of_image(step.image);
        let (device, inode) = (found.map_or(0, |it| it.identity.device), step.inode);
        Source {
            at: At::new(dir, &step.name),
            inode: Identity { device, inode },
            why,
        }
    }

    fn placed(&mut self, step: &Step, placed: &Placed, id: FileId) -> Outcome {
        self.log(step, id, How::Placed);
        self.count_file(step, placed, false);
        Outcome::Done
    }

    fn log(&self, step: &Step, id: FileId, how: How) {
        self.tx.log.add(Done {
            place: self.place.clone(),
            name: step.name.clone(),
            id,
            how,
        });
    }

    fn count_file(&mut self, step: &Step, placed: &Placed, replaced: bool) {
        self.stats.place(placed);
        self.record(step, What::placed(placed, replaced));
    }

    fn record(&mut self, step: &Step, what: What) {
        let path = || self.path.join(as_os(&step.name));
        let event = || PathEvent::new(path(), step.image, step.kind, what);
        self.tx.record(&mut self.stats, event);
    }

    /// Exchanges DEST's file `old` for the image's.
    fn replace(&mut self, source: &Dir, step: &Step, old: FileId) -> Result<Outcome, Errno> {
        let (staging, staged, placed) = self.stage(self.source(source, step, None))?;
        let (kept, place) = (staging.at(&staged), At::new(&self.dir, &step.name));
        if place.find(old)?.is_none() {
            // It is another file than the one that was compared.
            return Ok(Outcome::Taken);
        }
        let new = FileId::of(&kept.stat()?);
        let volume = &self.step.volume;
        self.tx.notes.note(&[Record::Replaced {
            place: self.place.join(as_os(&step.name)),
            staged: volume.join(as_os(&staging.name)).join(as_os(&staged)),
            new,
        }])?;
        exchange(kept, place, &staging.fresh())?;
        let was_old = kept.find(old);
        let how = How::Replaced {
            staged: staged.clone(),
            volume: volume.clone(),
        };
        if matches!(was_old, Ok(None)) {
            // Another process put its file there at this very moment.
            put_back(kept, place, new).inspect_err(|_| {
                staging.hold(&staged);
                self.log(step, new, how);
            })?;
            return Ok(Outcome::Taken);
        }
        self.log(step, new, how);
        was_old?;
        self.stats.replaced += 1;
        self.count_file(step, &placed, true);
        Ok(Outcome::Done)
    }

    /// Publishes a directory that was built in the staging.
    fn publish_tree(
        &mut self,
        built: &BuiltTree,
        source: &Dir,
        step: &Step,
    ) -> Result<Outcome, Errno> {
        let from = built.staging.at(&built.staged);
        let top = from.dir.child(from.name)?;
        let now = top.stat()?;
        let model = source.child(&*step.name)?.stat()?;
        let caller = self.tx.inputs.caller;
        let (mode, uid) = (caller.reachable(&model).2, caller.uid);
        let place = self.place.join(as_os(&step.name));
        let is_read_only = caller.is_shut_out_of_own(&Attributes { uid, ..model });
        if is_read_only {
            let record = Record::mode(&place, &Attributes { mode, ..now });
            self.tx.notes.note(&[record])?;
        }
        if self.publish_directory(from, step)? == Published::Taken {
            return Ok(Outcome::Taken);
        }
        let stats = std::mem::take(&mut *lock(&built.stats));
        lock(&self.tx.stats).add(stats);
        let how = How::Built {
            image: step.image,
            path: self.path.clone(),
        };
        self.log(step, FileId::of(&now), how);
        if is_read_only {
            top.set_mode(mode)?;
        }
        Ok(Outcome::Done)
    }

    fn publish_directory(&self, from: At<'_>, step: &Step) -> Result<Published, Errno> {
        publish_directory(from, At::new(&self.dir, &step.name), |is| {
            let place = self.place.join(as_os(&step.name));
            self.tx.notes.placeholder(&place, is)
        })
    }

    /// Renames out of the image. A directory takes everything in it along.
    fn rename(&mut self, source: &Dir, step: &Step) -> Result<Outcome, Errno> {
        // A file that supersedes an earlier image's stays in its image until that one is gone: if we were killed
        // after a rename, the next run would meet the earlier image's file alone.
        let in_group = || self.tx.groups.known(self.source(source, step, None).inode);
        if !step.kind.is_dir() && (step.supersedes || in_group().is_some()) {
            return self.file(source, step, None);
        }
        let from = At::new(source, &step.name);
        let mut renamed = self.rename_once(from, step);
        if renamed == Err(Errno::ACCESS) && step.kind.is_dir() {
            renamed = self.rename_read_only(from, step);
        }
        match renamed {
            Ok(Some(id)) => {
                let (image, path) = (step.image, self.path.clone());
                self.log(step, id, How::Moved { image, path });
                self.count_moved(step);
                Ok(Outcome::Done)
            }
            Ok(None) => Ok(Outcome::Taken),
            Err(cause) if cannot_rename(cause) && self.may_stage() => {
                if step.kind.is_dir() {
                    Ok(Outcome::NotMoved(cause))
                } else {
                    self.file(source, step, Some(cause))
                }
            }
            Err(cause) => Err(cause),
        }
    }

    /// What was renamed; `None` if the name is taken.
    fn rename_once(&self, from: At<'_>, step: &Step) -> Result<Option<FileId>, Errno> {
        let it = from.stat()?;
        let published = if it.kind.is_dir() {
            self.publish_directory(from, step)?
        } else {
            publish(from, At::new(&self.dir, &step.name))?
        };
        Ok((published == Published::Done).then(|| FileId::of(&it)))
    }

    fn count_moved(&mut self, step: &Step) {
        if step.kind.is_dir() {
            self.stats.trees += 1;
            self.record(step, What::MovedTree);
        } else {
            self.count_file(step, &Placed::new(Method::Move, None), false);
        }
    }

    /// A rename changes `..` of a directory, so the directory has to be writable.
    fn rename_read_only(&self, from: At<'_>, step: &Step) -> Result<Option<FileId>, Errno> {
        let dir = from.dir.child(from.name)?;
        let found = dir.stat()?;
        if !self.tx.inputs.caller.is_shut_out_of_own(&found) {
            return Err(Errno::ACCESS);
        }
        let record = |path: PathBuf| Record::mode(&path, &found);
        let name = as_os(&step.name);
        let image = &self.tx.inputs.images[step.image];
        self.tx.notes.note(&[
            record(image.absolute(&self.path.join(name))),
            record(self.place.join(name)),
        ])?;
        dir.set_mode(found.mode | 0o700)?;
        let renamed = self.rename_once(from, step);
        dir.set_mode(found.mode)?;
        renamed
    }
}

/// Whether an error of rename(2) lets us try another method.
fn cannot_rename(cause: Errno) -> bool {
    cannot_link(cause) || matches!(cause, Errno::INVAL | Errno::BUSY)
}
