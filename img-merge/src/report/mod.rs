//! What the user sees: conflicts and errors, the summary, JSON Lines, the manifest.

mod events;
mod manifest;
mod totals;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::cli::Verbosity;
use common::error::{self, eprint_line};
use common::json::{Lines, Object};
use common::{Error, Result, exit, show};

use crate::TOOL;
use crate::failure::Failure;
use crate::image::below;
use crate::merge::Merged;
use crate::plan::{Class, Conflict, Decision, Plan};
use crate::settings::Settings;
use crate::stats::PathEvent;
use manifest::Manifest;
use totals::Totals;

/// The report of a run, written as it goes.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    settings: &'a Settings,
    json: Option<Lines>,
    manifest: Option<Manifest>,
    totals: Totals,
    status: u8,
}

impl<'a> Report<'a> {
    /// Opens the files that it writes.
    pub(crate) fn new(settings: &'a Settings) -> Result<Self> {
        let output = &settings.output;
        let manifest = output.manifest.as_deref().map(Manifest::create);
        Ok(Self {
            settings,
            json: output.json.as_deref().map(Lines::create).transpose()?,
            manifest: manifest.transpose()?,
            totals: Totals::default(),
            status: exit::DONE,
        })
    }

    fn verbosity(&self) -> Verbosity {
        self.settings.output.verbosity
    }

    /// A transaction was done.
    pub(crate) fn merged(&mut self, merged: &Merged) {
        self.totals.add(merged);
        for conflict in merged.plans.iter().flat_map(|plan| &plan.conflicts) {
            self.conflict(conflict);
        }
        if self.settings.output.wants_paths() {
            let places = Places::of(&merged.plans);
            for event in events::all(merged) {
                let place = places.of_path(&event.path);
                self.path(&merged.images[event.image], &event, &place);
            }
        }
        for error in &merged.errors {
            self.error(error);
        }
        self.flush();
    }

    /// A transaction was given up.
    pub(crate) fn failed(&mut self, images: &[PathBuf], failure: &Failure) {
        if let Failure::Conflicts(conflicts) = failure {
            for conflict in conflicts.iter().filter(|it| it.decision.is_none()) {
                self.conflict(conflict);
            }
        }
        self.status = self.status.max(failure.status());
        for error in failure.errors() {
            self.print_error(error);
        }
        for image in images {
            let object = Object::new().with("event", "image");
            self.json(object.with_path("image", image).with("merged", false));
        }
        self.flush();
    }

    /// Something failed outside of the transactions, or after one was done.
    pub(crate) fn error(&mut self, error: &Error) {
        self.status = exit::FAILED;
        self.print_error(error);
    }

    fn print_error(&mut self, error: &Error) {
        self.totals.errors += 1;
        error::report(TOOL, [error]);
        let object = Object::new().with("event", "error");
        self.json(object.with("message", error.to_string()));
    }

    /// A conflict that stands, and one that cost DEST a file, is always printed. Of those that DEST's side won, one of a
    /// directory may be a whole tree that is not merged, so only `-q` silences it.
    fn conflict(&mut self, conflict: &Conflict) {
        self.totals.conflicts += 1;
        let is_tree = matches!(conflict.class, Class::Directory | Class::ThroughSymlink);
        let is_always_printed = match conflict.decision {
            None => true,
            Some(Decision::Replaced) => !self.settings.merge.dry_run,
            Some(Decision::Kept) => false,
        };
        let is_printed = match self.verbosity() {
            Verbosity::Quiet => is_always_printed,
            Verbosity::Normal => is_always_printed || is_tree,
            Verbosity::Verbose => true,
        };
        if is_printed {
            let decision = events::decision(conflict);
            eprint_line(&format!("{TOOL}: {conflict}{decision}"));
        }
        self.json(events::conflict(conflict));
    }

    fn path(&mut self, image: &Path, event: &PathEvent, place: &Path) {
        if let Some(manifest) = &mut self.manifest {
            manifest.add(event, place);
        }
        if self.verbosity() == Verbosity::Verbose {
            let is_top = event.path.as_os_str().is_empty();
            let path = show::path(if is_top { Path::new(".") } else { &event.path });
            let (word, image) = (events::word(event.what), show::path(image));
            eprint_line(&format!("{TOOL}: {word} {path} of {image}"));
        }
        self.json(events::path(image, event));
    }

    fn json(&mut self, object: Object) {
        self.with_json(|lines| lines.write(object));
    }

    /// A signal may end the wait for the next record, so nothing of a transaction that is over stays in a buffer.
    fn flush(&mut self) {
        self.with_json(Lines::flush);
    }

    fn with_json(&mut self, act: impl FnOnce(&mut Lines) -> Result<()>) {
        if let Some(Err(error)) = self.json.as_mut().map(act) {
            self.json = None;
            self.status = exit::FAILED;
            error::report(TOOL, [&error]);
        }
    }

    /// A signal is about to end the run. There is no time for a manifest.
    pub(crate) fn interrupted(&mut self, signal: i32) {
        self.status = exit::of_signal(signal);
        self.totals.interrupted = true;
        self.manifest = None;
        self.sum_up();
    }

    /// Prints the summary and returns the exit status.
    pub(crate) fn finish(mut self) -> u8 {
        let destination = &self.settings.destination;
        if let Some(Err(error)) = self.manifest.take().map(|m| m.write(destination)) {
            self.error(&error);
        }
        self.sum_up();
        self.status
    }

    fn sum_up(&mut self) {
        let totals = std::mem::take(&mut self.totals);
        let destination = &self.settings.destination;
        let object = totals.object(destination).with("status", self.status);
        self.json(object);
        if let Some(Err(error)) = self.json.take().map(Lines::finish) {
            self.status = exit::FAILED;
            error::report(TOOL, [&error]);
        }
        let is_quiet = self.verbosity() == Verbosity::Quiet || self.settings.merge.dry_run;
        // If nothing was merged, the errors have said everything.
        let says_more =
            !totals.images.is_empty() || totals.conflicts > 0 || self.status == exit::DONE;
        if !is_quiet && says_more {
            eprint_line(&format!("{TOOL}: {}", totals.line(destination)));
        }
    }
}

/// Where the paths of images lie below DEST. A path differs only behind a symlink that was passed through.
struct Places<'a>(BTreeMap<&'a Path, &'a Path>);

impl<'a> Places<'a> {
    fn of(plans: &'a [Plan]) -> Self {
        let steps = plans.iter().flat_map(|plan| &plan.dirs);
        let passed = steps.filter(|step| step.path != step.place);
        Self(passed.map(|step| (&*step.path, &*step.place)).collect())
    }

    fn of_path(&self, path: &Path) -> PathBuf {
        let passed = |above: &Path| {
            let rest = path.strip_prefix(above).ok()?;
            self.0.get(above).map(|place| below(place, rest))
        };
        let place = path.ancestors().find_map(passed);
        place.unwrap_or_else(|| path.to_owned())
    }
}
