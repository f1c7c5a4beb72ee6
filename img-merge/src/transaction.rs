//! One transaction: lock, put right, plan, carry out, or undo.

use std::path::PathBuf;
use std::sync::Mutex;

use common::cli::Verbosity;
use common::interrupt::Hold;
use common::{Error, Interrupts};

use crate::act::{self, Work};
use crate::destination::{Destination, State};
use crate::failure::Failure;
use crate::image::Image;
use crate::overlap;
use crate::plan::{self, Plan, Scan};
use crate::progress;
use crate::recovery;
use crate::settings::{Merge, Method, Rollback, Settings};
use crate::tally::Tally;
use common::fs::Caller;

/// What a transaction that was done leaves to tell.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) images: Vec<PathBuf>,
    pub(crate) tally: Tally,
    pub(crate) plans: Vec<Plan>,
    /// What failed after the transaction was done: parts of a consumed image that are still there.
    pub(crate) errors: Vec<Error>,
}

/// What all transactions of a run share.
#[derive(Debug)]
pub(crate) struct Transactions<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) caller: &'a Caller,
    pub(crate) interrupts: &'a Interrupts,
}

impl Transactions<'_> {
    fn merge(&self) -> &Merge {
        &self.settings.merge
    }

    /// Merges `paths` as one transaction.
    ///
    /// Once the hold that comes with it is dropped, a signal that came meanwhile ends the process.
    pub(crate) fn run(&self, paths: &[PathBuf]) -> (Result<Done, Failure>, Option<Hold>) {
        let mut hold = None;
        let done = self.hold_and_run(paths, &mut hold);
        (done, hold)
    }

    fn hold_and_run(&self, paths: &[PathBuf], until: &mut Option<Hold>) -> Result<Done, Failure> {
        let images = open_images(paths)?;
        overlap::refuse(&images, &self.settings.destination)?;
        let (destination, hold) = Destination::open(
            &self.settings.destination,
            self.merge().locking,
            &images[0],
            self.caller,
            self.interrupts,
        )?;
        *until = Some(hold);
        self.locked(&images, &destination)
            .map_err(|failure| match destination.state {
                State::Made => with(failure, Vec::from_iter(destination.unmake().err())),
                State::Found | State::Missing => failure,
            })
    }

    /// Prints what merging `paths` would do after `before`, and changes nothing.
    pub(crate) fn show(&self, before: &[PathBuf], paths: &[PathBuf]) -> Result<Done, Failure> {
        let images = &open_images(&[before, paths].concat())?;
        overlap::refuse(images, &self.settings.destination)?;
        let destination = Destination::look(&self.settings.destination, self.merge().locking)?;
        let scan = self.scan(images, &destination);
        let plan = scan.everything()?;
        if plan.is_refused() {
            return Err(Failure::Conflicts(plan.conflicts));
        }
        self.probe(images, &plan)?;
        plan::print(&plan, images, before.len(), &destination)?;
        Ok(Done {
            images: paths.to_vec(),
            tally: Tally::new(false),
            plans: vec![plan.without_first(before.len())],
            errors: Vec::new(),
        })
    }

    fn scan<'s>(&'s self, images: &'s [Image], destination: &'s Destination) -> Scan<'s> {
        let wants_paths = self.settings.output.wants_paths();
        Scan {
            images,
            destination,
            merge: self.merge(),
            caller: self.caller,
            interrupts: self.interrupts,
            remember_all: wants_paths
                || self.merge().method == Method::Move
                || self.merge().dry_run,
            trusted: plan::Trusted::default(),
            found: Mutex::default(),
        }
    }

    fn locked(&self, images: &[Image], destination: &Destination) -> Result<Done, Failure> {
        // What we have just made nobody has left anything in.
        let found = destination.state == State::Found;
        if found && self.merge().locking == crate::settings::Locking::Ours {
            self.tell(&recovery::recover(destination, self.caller)?);
        }
        let scan = self.scan(images, destination);
        let plan = scan.everything()?;
        if plan.is_refused() {
            return Err(Failure::Conflicts(plan.conflicts));
        }
        self.probe(images, &plan)?;
        self.sweep(destination, &plan)?;
        let tally = Tally::new(self.settings.output.wants_paths());
        let who = (self.caller, self.interrupts);
        let work = Work::new(images, destination, self.merge(), who, &tally);
        let verbosity = self.settings.output.verbosity;
        match progress::shown(&tally, verbosity, || act::carry_out(&work, &scan, plan)) {
            Ok(plans) => self
                .finish(&work, plans, &scan.trusted)
                .map(|(plans, errors)| Done {
                    images: images.iter().map(|image| image.path.clone()).collect(),
                    tally,
                    plans,
                    errors,
                }),
            Err(failure) => Err(self.give_up(&work, failure)),
        }
    }

    /// What is moved is consumed, or nothing is begun.
    fn probe(&self, images: &[Image], plan: &Plan) -> Result<(), Failure> {
        if self.merge().method != Method::Move {
            return Ok(());
        }
        let errors = act::probe(images, plan, self.caller);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Failure::Failed(errors))
        }
    }

    /// What was found and forbids nothing.
    fn tell(&self, notes: &[Error]) {
        if self.settings.output.verbosity != Verbosity::Quiet {
            common::error::report(crate::TOOL, notes);
        }
    }

    /// Other file systems in DEST have stagings of their own.
    fn sweep(&self, destination: &Destination, plan: &Plan) -> Result<(), Failure> {
        if self.merge().locking == crate::settings::Locking::Callers {
            return Ok(());
        }
        for step in &plan.dirs {
            if !step.place.as_os_str().is_empty() && step.place == *step.volume {
                self.tell(&recovery::sweep(destination, &step.volume, self.caller)?);
            }
        }
        Ok(())
    }

    fn finish(
        &self,
        work: &Work<'_>,
        plans: Vec<Plan>,
        trusted: &plan::Trusted,
    ) -> Result<(Vec<Plan>, Vec<Error>), Failure> {
        let sync = self.merge().sync;
        let ready = if sync { work.sync(&plans) } else { Ok(()) };
        if let Err(error) = ready.and_then(|()| work.commit(&plans)) {
            return Err(self.give_up(work, error.into()));
        }
        // Nothing is undone any more: what fails is said, and the rest is done.
        let mut errors: Vec<Error> = Vec::new();
        if sync {
            errors.extend(work.sync_journal().err());
        }
        // A machine that loses power may not find an image gone, and the journal not done.
        if self.merge().method == Method::Move && errors.is_empty() {
            errors.extend(act::consume(work, &plans, trusted));
        }
        errors.extend(work.tidy_up());
        for plan in &plans {
            errors.extend(work.settle_roots(plan));
        }
        if self.merge().method == Method::Move {
            errors.extend(act::remove_roots(work.images, !errors.is_empty()));
        }
        if sync {
            errors.extend(work.sync(&plans).err());
            errors.extend(work.sync_images());
        }
        Ok((plans, errors))
    }

    fn give_up(&self, work: &Work<'_>, failure: Failure) -> Failure {
        if self.merge().rollback == Rollback::Leave {
            return with(failure, work.tidy_up());
        }
        with(failure, act::undo(work))
    }
}

/// A failure, and what failed while it was dealt with.
fn with(failure: Failure, more: Vec<Error>) -> Failure {
    if more.is_empty() {
        return failure;
    }
    let mut errors = match failure {
        Failure::Failed(errors) | Failure::Refused(errors) => errors,
        Failure::Conflicts(conflicts) => {
            let said = |conflict: &plan::Conflict| Error::said("merge", conflict.to_string());
            conflicts.iter().map(said).collect()
        }
        Failure::Interrupted => Vec::new(),
    };
    errors.extend(more);
    Failure::Failed(errors)
}

fn open_images(paths: &[PathBuf]) -> Result<Vec<Image>, Failure> {
    let mut images: Vec<Image> = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        match Image::open(path) {
            Ok(image) => {
                let identity = image.attributes.identity;
                if images
                    .iter()
                    .any(|seen| seen.attributes.identity == identity)
                {
                    errors.push(Error::refused("merge", path, "the image is named twice"));
                }
                images.push(image);
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(images)
    } else {
        Err(Failure::Failed(errors))
    }
}
