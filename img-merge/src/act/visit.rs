//! Gives one directory of DEST its names: act first, and look at the answer after.
//!
//! EEXIST means that someone who knows no lock was there before us; the name is put aside and planned
//! anew with what is there by then.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use common::Error;
use rustix::io::Errno;

use super::carry_out::{Built, BuiltTree, Tree};
use super::place::{Brought, File, Place, cannot_link};
use super::publish;
use super::work::{Done, Work, lock};
use crate::failure::Failure;
use crate::plan::{Act, DirStep, Names, Plan, Step, as_os};
use crate::pool::Pool;
use crate::settings::{Fallback, Method};
use crate::tally::{Told, What};
use common::fs::{Attributes, Dir, FileId, Handle, Identity};

/// A directory of DEST that is being given names.
pub(super) struct Visit<'a> {
    pub(super) work: &'a Work<'a>,
    pub(super) step: &'a DirStep,
    pub(super) dir: Handle<'a>,
    pub(super) place: Arc<PathBuf>,
    pub(super) path: Arc<PathBuf>,
    sources: BTreeMap<usize, Handle<'a>>,
}

/// What became of a name.
pub(super) enum Outcome {
    Done,
    /// DEST had it after all.
    Late,
    /// A subtree cannot be renamed here.
    NotMoved(Errno),
}

impl Work<'_> {
    /// Gives every directory its names; the subtrees that could not be renamed come back.
    pub(crate) fn visit(&self, plan: &Plan, built: &Built) -> Result<Vec<Tree>, Failure> {
        let wanted = |step: &Step| step.changes();
        self.visit_where(plan, built, wanted)
    }

    /// Gives the subtrees that were built after all their names.
    pub(crate) fn visit_built(&self, plan: &Plan, built: &Built) -> Result<(), Failure> {
        self.visit_where(plan, built, Step::is_tree).map(drop)
    }

    fn visit_where(
        &self,
        plan: &Plan,
        built: &Built,
        wanted: impl Fn(&Step) -> bool + Sync,
    ) -> Result<Vec<Tree>, Failure> {
        let not_moved = Mutex::new(Vec::new());
        let dirs = plan.dirs.iter().enumerate().rev();
        let dirs: Vec<usize> = dirs
            .filter(|(_, s)| s.names.iter().any(&wanted))
            .map(|(at, _)| at)
            .collect();
        let only_built = !built.is_empty() && self.merge.method == Method::Move;
        Pool::run(self.merge.threads, dirs, |at, pool| {
            let step = &plan.dirs[at];
            let mut visit = match Visit::new(self, step) {
                Ok(visit) => visit,
                Err(error) => return self.fail(&step.path, error),
            };
            for (index, name) in step
                .names
                .iter()
                .enumerate()
                .filter(|(_, name)| wanted(name))
            {
                if self.is_stopped() {
                    return pool.stop();
                }
                let tree = built.get(&(at, index));
                if only_built && tree.is_none() {
                    continue;
                }
                match visit.name(name, tree) {
                    Ok(Outcome::Done) => {}
                    Ok(Outcome::Late) => visit.put_aside(name),
                    Ok(Outcome::NotMoved(why)) => lock(&not_moved).push(Tree {
                        dir: at,
                        name: index,
                        why: Some(why),
                    }),
                    Err(error) => self.fail(&step.path.join(as_os(&name.name)), error),
                }
            }
        });
        self.check()?;
        let mut not_moved = not_moved.into_inner().unwrap_or_default();
        not_moved.sort_by_key(|tree: &Tree| (tree.dir, tree.name));
        Ok(not_moved)
    }
}

impl<'a> Visit<'a> {
    fn new(work: &'a Work<'a>, step: &'a DirStep) -> Result<Self, Error> {
        Ok(Self {
            work,
            step,
            dir: work.open_place(step)?,
            place: Arc::new(step.place.clone()),
            path: Arc::new(step.path.clone()),
            sources: BTreeMap::new(),
        })
    }

    fn name(&mut self, step: &Step, built: Option<&BuiltTree>) -> Result<Outcome, Error> {
        if let Entry::Vacant(unopened) = self.sources.entry(step.image) {
            unopened.insert(self.work.open_source(step.image, &self.step.path)?);
        }
        let source = &self.sources[&step.image];
        let verb = match step.act {
            Act::Replace(_) => "replace",
            _ => self.work.merge.method.word(),
        };
        let outcome = match (step.act, built) {
            (Act::Replace(old), _) => self.replace(source, step, old),
            (_, Some(built)) => self.publish_tree(built, source, step),
            _ if self.work.merge.method == Method::Move => self.rename(source, step),
            _ => self.file(source, step, None),
        };
        outcome.map_err(|cause| {
            let below = self.step.place.join(as_os(&step.name));
            Error::io(verb, self.work.destination.at(&below), cause)
        })
    }

    fn put_aside(&self, step: &Step) {
        self.work.put_aside(Names {
            path: self.step.path.clone(),
            place: self.step.place.clone(),
            volume: self.step.volume.clone(),
            images: self.step.images.iter().map(|(image, _)| *image).collect(),
            all: vec![step.name.clone()],
        });
    }

    fn identity_in(&self, step: &Step) -> Identity {
        let of = |(image, attributes): &(usize, Attributes)| {
            (*image == step.image).then_some(attributes.identity.device)
        };
        Identity {
            device: self.step.images.iter().find_map(of).unwrap_or_default(),
            inode: step.inode,
        }
    }

    /// Links the file to its place at once, or makes it ready in the staging and publishes it.
    pub(super) fn file(
        &self,
        source: &Dir,
        step: &Step,
        why: Option<Errno>,
    ) -> Result<Outcome, Errno> {
        let file = self.of_image(source, step, why);
        let links = matches!(self.work.merge.method, Method::Link | Method::Move);
        if links || self.work.groups.known(file.inode).is_some() {
            let place = Place {
                dir: &self.dir,
                name: &step.name,
                volume: &self.step.volume,
            };
            match self.work.bring_by_link(file, place) {
                Ok(brought) => {
                    let it = self.work.file_id_linked(file, place);
                    return Ok(self.placed(step, brought, it));
                }
                Err(Errno::EXIST) => return Ok(Outcome::Late),
                Err(cause) if cannot_link(cause) && self.may_fall_back() => {
                    return self.staged_file(file, step);
                }
                Err(cause) => return Err(cause),
            }
        }
        self.staged_file(file, step)
    }

    pub(super) fn may_fall_back(&self) -> bool {
        let copies = !matches!(self.work.merge.method, Method::Link | Method::Move);
        copies || self.work.merge.fallback == Fallback::Allowed
    }

    fn staged_file(&self, file: File<'_>, step: &Step) -> Result<Outcome, Errno> {
        let (staging, staged, brought) = self.stage(file)?;
        // Once it has its place, another may be there in its stead.
        let it = FileId::of(&staging.dir.stat_name(&staged)?);
        match publish::file((&staging.dir, &staged), (&self.dir, &step.name)) {
            Ok(()) => Ok(self.placed(step, brought, it)),
            Err(Errno::EXIST) => Ok(Outcome::Late),
            Err(cause) => Err(cause),
        }
    }

    pub(super) fn stage(
        &self,
        file: File<'_>,
    ) -> Result<(Arc<crate::staging::Staging>, std::ffi::CString, Brought), Errno> {
        let work = self.work;
        let staging = work
            .stagings
            .get(&work.destination.root, &self.step.volume)?;
        let staged = staging.fresh();
        let place = Place {
            dir: &staging.dir,
            name: &staged,
            volume: &self.step.volume,
        };
        let brought = work.bring(file, place)?;
        Ok((staging, staged, brought))
    }

    pub(super) fn of_image<'b>(
        &self,
        source: &'b Dir,
        step: &'b Step,
        why: Option<Errno>,
    ) -> File<'b> {
        File {
            dir: source,
            name: &step.name,
            inode: self.identity_in(step),
            why,
        }
    }

    fn placed(&self, step: &Step, brought: Brought, it: FileId) -> Outcome {
        self.work.done(Done::Placed {
            place: self.place.clone(),
            volume: self.step.volume.clone(),
            name: step.name.clone(),
            it,
        });
        self.tell(step, brought, false);
        Outcome::Done
    }

    pub(super) fn tell(&self, step: &Step, brought: Brought, replaced: bool) {
        let Brought { method, why, lost } = brought;
        self.work.tally.brought(method, why);
        self.work.tally.lost(&lost);
        self.tell_what(
            step,
            What::Brought {
                method,
                why,
                replaced,
            },
        );
    }

    pub(super) fn tell_what(&self, step: &Step, what: What) {
        self.work.tally.tell(|| Told {
            path: self.path.join(as_os(&step.name)),
            image: step.image,
            kind: step.kind,
            what,
        });
    }
}
