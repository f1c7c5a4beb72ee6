//! Directories of the images that lead to one place: `lib` and `lib64`, where DEST has a symlink
//! `lib64 -> lib` that may be passed through.
//!
//! Each is planned by itself. What two of them bring under one name is settled here, in declared order and
//! then by path, as if the one came after the other. Below directories that both bring whole it is
//! settled when they are brought, as with names that turn up late.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::PathBuf;

use common::Error;

use super::compare::{self, Thing};
use super::conflict::{self, Class, Conflict, Decision};
use super::scan::{Scan, as_os};
use super::{Act, DirStep, Plan};
use crate::settings::{DirMetadata, OnConflict};
use common::fs::{Attributes, Dir};

/// A name in the plan: its directory and its number there.
type At = (usize, usize);

/// What a name of an image stands for.
struct Found {
    dir: Dir,
    attributes: Attributes,
}

impl Scan<'_> {
    /// Settles what directories of one place bring under one name.
    pub(super) fn settle_shared(&self, plan: &mut Plan) -> Result<(), Error> {
        let mut places: BTreeMap<PathBuf, Vec<usize>> = BTreeMap::new();
        for (at, step) in plan.dirs.iter().enumerate() {
            places.entry(step.place.clone()).or_default().push(at);
        }
        for dirs in places.into_values().filter(|dirs| dirs.len() > 1) {
            self.settle_times(plan, &dirs);
            for brought in brought(plan, &dirs) {
                self.settle_name(plan, &brought)?;
            }
        }
        Ok(())
    }

    /// The place has one time: the latest, as if the one came after the other.
    fn settle_times(&self, plan: &mut Plan, dirs: &[usize]) {
        if self.merge.dir_metadata == DirMetadata::Image {
            return;
        }
        let times = dirs.iter().map(|at| plan.dirs[*at].modified);
        let Some(latest) = times.max_by_key(|time| (time.tv_sec, time.tv_nsec)) else {
            return;
        };
        for at in dirs {
            plan.dirs[*at].modified = latest;
        }
    }

    fn settle_name(&self, plan: &mut Plan, brought: &[At]) -> Result<(), Error> {
        let Some((&(mut holder), rest)) = brought.split_first() else {
            return Ok(());
        };
        for &at in rest {
            let Some((class, conflict)) = self.compare(plan, at, holder)? else {
                settle(plan, at, Act::Same);
                continue;
            };
            if class == Class::Directory && conflict.brought.kind == conflict.held.kind {
                // Both bring the directory.
                continue;
            }
            let decision = match self.merge.on_conflict {
                OnConflict::Error => None,
                OnConflict::Keep => Some(Decision::Kept),
                OnConflict::Replace if class == Class::Directory => None,
                OnConflict::Replace => Some(Decision::Replaced),
            };
            plan.conflicts.push(Conflict {
                decision,
                ..conflict
            });
            if decision == Some(Decision::Replaced) {
                settle(plan, holder, Act::Outdone);
                plan.dirs[at.0].names[at.1].outdoes = true;
                holder = at;
            } else {
                settle(plan, at, Act::Kept);
            }
        }
        Ok(())
    }

    /// In what two names differ; two directories count as different, for they are not looked into.
    fn compare(&self, plan: &Plan, new: At, old: At) -> Result<Option<(Class, Conflict)>, Error> {
        let (brought, held) = (self.find(plan, new)?, self.find(plan, old)?);
        let (step, name) = (&plan.dirs[new.0], &plan.dirs[new.0].names[new.1]);
        let (_, other) = (&plan.dirs[old.0], &plan.dirs[old.0].names[old.1]);
        let path = step.path.join(as_os(&name.name));
        let thing = |found: &'_ Found| found.attributes;
        let (a, b) = (thing(&brought), thing(&held));
        let class = if a.kind.is_dir() && b.kind.is_dir() {
            Some(Class::Directory)
        } else if a.identity == b.identity {
            None
        } else {
            let go_on = || self.interrupts.pending().is_none();
            let side = |found, attributes| Thing {
                dir: found,
                name: &name.name,
                attributes,
            };
            compare::difference(
                (self.caller, &go_on),
                side(&brought.dir, &a),
                side(&held.dir, &b),
            )
            .map_err(|cause| Error::io("compare", self.images[name.image].at(&path), cause))?
        };
        let conflict = |class| Conflict {
            path,
            class,
            image: name.image,
            brought: conflict::Side::new(self.root_of(Some(name.image)), &a),
            held: conflict::Side::new(self.root_of(Some(other.image)), &b),
            decision: None,
        };
        Ok(class.map(|class| (class, conflict(class))))
    }

    fn find(&self, plan: &Plan, (dir, name): At) -> Result<Found, Error> {
        let step = &plan.dirs[dir];
        let name = &step.names[name];
        let image = &self.images[name.image];
        let found = image.root.beneath(&step.path).and_then(|dir| {
            let attributes = dir.stat_name(&name.name)?;
            Ok(Found { dir, attributes })
        });
        let path = || image.at(&step.path.join(as_os(&name.name)));
        found.map_err(|cause| Error::io("compare", path(), cause))
    }
}

/// The names that several of `dirs` bring, each with those that bring it in declared order.
fn brought(plan: &Plan, dirs: &[usize]) -> Vec<Vec<At>> {
    let mut names: BTreeMap<CString, Vec<At>> = BTreeMap::new();
    for &dir in dirs {
        for (at, name) in plan.dirs[dir].names.iter().enumerate() {
            if name.changes() {
                names.entry(name.name.clone()).or_default().push((dir, at));
            }
        }
    }
    let mut shared: Vec<_> = names.into_values().filter(|all| all.len() > 1).collect();
    for all in &mut shared {
        all.sort_by_key(|(dir, name)| (plan.dirs[*dir].names[*name].image, *dir));
    }
    shared
}

fn settle(plan: &mut Plan, (dir, name): At, act: Act) {
    let DirStep { names, counts, .. } = &mut plan.dirs[dir];
    names[name].act = act;
    counts.count(act);
}
