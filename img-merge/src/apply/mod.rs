//! Applies a plan: the order of its steps.
//!
//! First ready, then in place: directories that DEST lacks are built in the staging, so a full disk shows before
//! anything has its name. Then each directory of DEST gets its names. What DEST has after all, because another process
//! ignores the lock, is planned again and applied the same way.
//!
//! From the top: `dir_writer` and `tree_builder` handle one directory each; `placer` one file; `directories` those that
//! several sides have; `consume` and `undo` what comes after; [`Transaction`] is what they share.

mod consume;
mod dir_writer;
mod directories;
mod groups;
mod log;
mod made_writable;
mod notes;
mod placer;
mod removable;
mod subtract;
mod sync;
mod transaction;
mod tree_builder;
mod undo;

use std::path::Path;

use common::Error;

pub(crate) use consume::{consume, remove_roots};
pub(crate) use directories::settle_tops;
pub(crate) use removable::refuse_unremovable;
pub(crate) use sync::{sync, sync_images};
pub(crate) use transaction::Transaction;
pub(crate) use undo::{tidy_up, undo};

use crate::failure::Failure;
use crate::plan::{self, DirStep, Plan};
use tree_builder::{Built, Tree};

/// How often names may be planned again. More often is no accident.
const ROUNDS: usize = 100;

/// Applies `plan`. After an error, the log of `tx` has everything that was done.
///
/// Returns the plans that were applied: `plan`, and those of names that were planned again.
pub(crate) fn apply(tx: &Transaction<'_>, mut plan: Plan) -> Result<Vec<Plan>, Failure> {
    apply_names(tx, &mut plan)?;
    let mut plans = vec![plan];
    for _ in 0..ROUNDS {
        let deferred = std::mem::take(&mut *common::lock(&tx.deferred));
        if deferred.is_empty() {
            for plan in &plans {
                directories::finish(tx, plan)?;
            }
            return tx.check().map(|()| plans);
        }
        let mut again = plan::scan(tx.inputs, deferred)?;
        if again.is_refused() {
            return Err(Failure::Conflicts(again.conflicts));
        }
        apply_names(tx, &mut again)?;
        plans.push(again);
    }
    let path = &tx.inputs.destination.path;
    Err(Error::refused("merge", path, "names keep appearing in it").into())
}

/// Does everything but the metadata of joined directories. Directories that are deferred are taken out of the plan.
fn apply_names(tx: &Transaction<'_>, plan: &mut Plan) -> Result<(), Failure> {
    tx.groups.hold(&plan.anchors);
    prepare(tx, plan)?;
    for taken in directories::make(tx, plan)? {
        plan.forget(&taken);
    }
    let built = if tx.inputs.moves() {
        Built::new()
    } else {
        tree_builder::build(tx, plan, &trees(plan))?
    };
    let not_moved = dir_writer::write_names(tx, plan, &built, |_| true)?;
    if not_moved.is_empty() {
        return Ok(());
    }
    let built = tree_builder::build(tx, plan, &not_moved)?;
    let is_built = |tree: Tree| built.contains_key(&(tree.dir, tree.name));
    dir_writer::write_names(tx, plan, &built, is_built).map(drop)
}

/// All directories that the plan places whole.
fn trees(plan: &Plan) -> Vec<Tree> {
    let dirs = plan.dirs.iter().enumerate();
    let of = |(dir, step): (usize, &DirStep)| {
        let names = step.names.iter().enumerate();
        let trees = names.filter(|(_, name)| name.is_tree());
        trees
            .map(|(name, _)| Tree::new(dir, name))
            .collect::<Vec<_>>()
    };
    dirs.flat_map(of).collect()
}

/// Begins the journal, or adds to it, and makes read-only directories writable.
fn prepare(tx: &Transaction<'_>, plan: &Plan) -> Result<(), Failure> {
    // A move takes names from the images even if DEST gains none.
    if !tx.inputs.moves() && !plan.dirs.iter().any(DirStep::touches) {
        return Ok(());
    }
    let destination = tx.inputs.destination;
    let records = tx.notes.remember_times(tx.inputs, plan);
    if tx.notes.is_begun() {
        tx.notes
            .note(&records)
            .map_err(|cause| Error::io("write the journal in", &destination.path, cause))?;
    } else {
        let failed = |cause| Error::io("make a temporary directory in", &destination.path, cause);
        let top = plan
            .dirs
            .first()
            .filter(|step| step.path.as_os_str().is_empty());
        if let Some(found) = top.and_then(|step| step.found) {
            if tx.inputs.caller.is_shut_out_of_own(&found) {
                // There is no journal before DEST is writable, so this is the one thing that is noted later.
                let made = directories::make_writable(tx, &destination.root, &found, Path::new(""));
                made.map_err(failed)?;
            }
        }
        let first = [tx.made_writable.records(), records].concat();
        tx.notes.begin(
            tx.stagings
                .get_or_make(Path::new(""), &first)
                .map_err(failed)?,
        );
    }
    directories::make_all_writable(tx, plan)?;
    Ok(())
}
