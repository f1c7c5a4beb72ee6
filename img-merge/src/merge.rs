//! One merge, which is one transaction: lock, recover, plan, apply, commit; or undo.

use std::path::{Path, PathBuf};

use common::cli::Verbosity;
use common::fs::Caller;
use common::interrupt::Hold;
use common::{Error, Interrupts};

use crate::apply::{self, Transaction};
use crate::destination::{Destination, Opener, State};
use crate::failure::Failure;
use crate::image::Image;
use crate::inputs::Inputs;
use crate::overlap;
use crate::plan::{self, JoinedDir, Plan};
use crate::progress;
use crate::recovery;
use crate::settings::{Locking, Rollback, Settings};
use crate::stats::{Progress, Stats};

/// A transaction that is done.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) images: Vec<PathBuf>,
    pub(crate) stats: Stats,
    pub(crate) plans: Vec<Plan>,
    /// What failed after it was done: parts of a moved image that are still there.
    pub(crate) errors: Vec<Error>,
}

/// What all merges of a run share.
#[derive(Debug)]
pub(crate) struct Merger<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) caller: &'a Caller,
    pub(crate) interrupts: &'a Interrupts,
}

impl Merger<'_> {
    /// Merges the images at `paths` as one transaction.
    ///
    /// Signals wait until the hold that comes with the result is dropped.
    pub(crate) fn merge(&self, paths: &[PathBuf]) -> (Result<Merged, Failure>, Option<Hold>) {
        let mut hold = None;
        let merged = self.merge_held(paths, &mut hold);
        (merged, hold)
    }

    fn merge_held(&self, paths: &[PathBuf], until: &mut Option<Hold>) -> Result<Merged, Failure> {
        let images = open_images(paths)?;
        overlap::refuse(&images, &self.settings.destination)?;
        let opener = Opener {
            path: &self.settings.destination,
            locking: self.settings.merge.locking,
            caller: self.caller,
            interrupts: self.interrupts,
        };
        let (destination, hold) = opener.open(&images[0])?;
        *until = Some(hold);
        let merged = self.merge_locked(self.inputs(&images, &destination));
        merged.map_err(|failure| match destination.state {
            State::Made => failure.with(Vec::from_iter(destination.remove_if_empty().err())),
            State::Found | State::Missing => failure,
        })
    }

    /// Prints what merging `paths` would do, and changes nothing.
    pub(crate) fn show(&self, paths: &[PathBuf]) -> Result<Merged, Failure> {
        let images = open_images(paths)?;
        overlap::refuse(&images, &self.settings.destination)?;
        let locking = self.settings.merge.locking;
        let destination = Destination::look(&self.settings.destination, locking)?;
        let inputs = self.inputs(&images, &destination);
        let plan = plan(inputs)?;
        plan::print(&plan, inputs)?;
        Ok(merged(inputs, Stats::default(), vec![plan], Vec::new()))
    }

    fn inputs<'s>(&'s self, images: &'s [Image], destination: &'s Destination) -> Inputs<'s> {
        Inputs {
            images,
            destination,
            merge: &self.settings.merge,
            caller: self.caller,
            interrupts: self.interrupts,
            wants_paths: self.settings.output.wants_paths(),
        }
    }

    fn merge_locked(&self, inputs: Inputs<'_>) -> Result<Merged, Failure> {
        let we_lock = inputs.merge.locking == Locking::Ours;
        if we_lock && inputs.destination.state == State::Found {
            self.note(&recovery::recover(inputs.destination, self.caller)?);
        }
        let plan = plan(inputs)?;
        if we_lock {
            // Each other file system in DEST has a staging of its own.
            let tops = plan.dirs.iter().filter(|step| step.is_top());
            for step in tops.filter(|step| *step.volume != *Path::new("")) {
                recovery::sweep(inputs.destination, &step.volume, self.caller)?;
            }
        }
        let progress = Progress::default();
        let tx = Transaction::new(inputs, &progress);
        let verbosity = self.settings.output.verbosity;
        let applied = progress::shown(&progress, verbosity, || apply::apply(&tx, plan));
        let applied = applied.and_then(|plans| {
            commit(&tx, &plans)?;
            Ok(plans)
        });
        match applied {
            Ok(plans) => {
                let errors = clean_up(&tx, &plans);
                let stats = std::mem::take(&mut *common::lock(&tx.stats));
                Ok(merged(inputs, stats, plans, errors))
            }
            Err(failure) if inputs.merge.rollback == Rollback::Leave => {
                Err(failure.with(apply::tidy_up(&tx)))
            }
            Err(failure) => Err(failure.with(apply::undo(&tx))),
        }
    }

    /// Reports what was found and does not keep the merge from running.
    fn note(&self, notes: &[Error]) {
        if self.settings.output.verbosity != Verbosity::Quiet {
            common::error::report(crate::TOOL, notes);
        }
    }
}

fn merged(inputs: Inputs<'_>, stats: Stats, plans: Vec<Plan>, errors: Vec<Error>) -> Merged {
    Merged {
        images: inputs.images.iter().map(|it| it.path.clone()).collect(),
        stats,
        plans,
        errors,
    }
}

/// Plans, and refuses what may not be applied.
fn plan(inputs: Inputs<'_>) -> Result<Plan, Failure> {
    let has_destination = inputs.destination.state != State::Missing;
    let top = JoinedDir::top(inputs.images.len(), has_destination);
    let plan = plan::scan(inputs, vec![top])?;
    if plan.is_refused() {
        return Err(Failure::Conflicts(plan.conflicts));
    }
    if inputs.moves() {
        Failure::unless_none(apply::refuse_unremovable(inputs, &plan))?;
    }
    Ok(plan)
}

/// Notes that the transaction is done. From here on nothing is undone.
fn commit(tx: &Transaction<'_>, plans: &[Plan]) -> Result<(), Error> {
    if tx.inputs.merge.sync {
        apply::sync(tx, plans)?;
    }
    let committed = tx.notes.commit(plans, tx.made_writable.records());
    committed.map_err(|cause| cannot_write_journal(tx, cause))
}

fn cannot_write_journal(tx: &Transaction<'_>, cause: rustix::io::Errno) -> Error {
    Error::io("write the journal in", &tx.inputs.destination.path, cause)
}

/// Removes what is temporary and the images that were moved. Returns what failed.
fn clean_up(tx: &Transaction<'_>, plans: &[Plan]) -> Vec<Error> {
    let inputs = tx.inputs;
    let mut errors = Vec::new();
    if inputs.merge.sync {
        let synced = tx.notes.sync();
        errors.extend(synced.err().map(|cause| cannot_write_journal(tx, cause)));
    }
    // After a loss of power, an image may not be gone while the journal says that its transaction is not done.
    if inputs.moves() && errors.is_empty() {
        errors.extend(apply::consume(tx, plans));
    }
    errors.extend(apply::tidy_up(tx));
    for plan in plans {
        errors.extend(apply::settle_tops(tx, plan));
    }
    if inputs.moves() {
        errors.extend(apply::remove_roots(inputs.images, !errors.is_empty()));
    }
    if inputs.merge.sync {
        errors.extend(apply::sync(tx, plans).err());
        errors.extend(apply::sync_images(inputs.images));
    }
    errors
}

fn open_images(paths: &[PathBuf]) -> Result<Vec<Image>, Failure> {
    let mut images: Vec<Image> = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        match Image::open(path) {
            Ok(image) => {
                let id = image.attributes.identity;
                if images.iter().any(|seen| seen.attributes.identity == id) {
                    errors.push(Error::refused("merge", path, "the image is named twice"));
                }
                images.push(image);
            }
            Err(error) => errors.push(error),
        }
    }
    Failure::unless_none(errors)?;
    Ok(images)
}
