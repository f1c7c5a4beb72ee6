//! What is said: conflicts and errors, the summary, JSON Lines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::cli::Verbosity;
use common::error::{self, eprint_line};
use common::json::{Lines, Object};
use common::{Error, Result, exit, show};

use crate::TOOL;
use crate::destination;
use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::plan::{Class, Conflict, Counts, Plan};
use crate::run::errors_of;
use crate::settings::{Method, Settings};
use crate::summary;
use crate::tally::{Fallbacks, Tally, Told, What};
use crate::transaction::Done;
use common::fs::Dir;

/// Everything that a run has to tell, as it goes.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    settings: &'a Settings,
    json: Option<Lines>,
    manifest: Option<Manifest>,
    sums: Sums,
    status: u8,
}

/// The sums of all transactions that were done.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    pub(crate) images: Vec<PathBuf>,
    pub(crate) by: [u64; 4],
    pub(crate) fallbacks: Fallbacks,
    pub(crate) directories: u64,
    pub(crate) dressed: u64,
    pub(crate) trees: u64,
    /// Files in directories that were renamed whole; counted only where JSON is written.
    pub(crate) inside: u64,
    pub(crate) replaced: u64,
    pub(crate) splits: u64,
    pub(crate) lost: Vec<(std::ffi::CString, i32, u64)>,
    pub(crate) counts: Counts,
    pub(crate) conflicts: u64,
    pub(crate) errors: u64,
    /// Whether a signal ends the run.
    pub(crate) broken_off: bool,
}

pub(crate) const METHODS: [Method; 4] = [Method::Link, Method::Reflink, Method::Copy, Method::Move];

impl<'a> Report<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Result<Self> {
        let json = settings
            .output
            .json
            .as_deref()
            .map(Lines::create)
            .transpose()?;
        let manifest = settings
            .output
            .manifest
            .as_deref()
            .map(Manifest::create)
            .transpose()?;
        Ok(Self {
            settings,
            json,
            manifest,
            sums: Sums::default(),
            status: exit::DONE,
        })
    }

    /// A transaction was done.
    pub(crate) fn done(&mut self, done: &Done) {
        self.sums.add(&done.tally, done);
        for plan in &done.plans {
            for conflict in &plan.conflicts {
                self.conflict(conflict);
            }
        }
        if self.settings.output.wants_paths() {
            let places = Places::of(&done.plans);
            for told in summary::paths(done) {
                let place = places.of_path(&told.path);
                self.told(&done.images, &told, &place);
                self.count_inside(&told, &place);
            }
        }
        for error in &done.errors {
            self.say_error(error);
        }
        self.flush();
    }

    /// A transaction was given up.
    pub(crate) fn failed(&mut self, images: &[PathBuf], failure: &Failure) {
        self.status = self.status.max(failure.status());
        if let Failure::Conflicts(conflicts) = failure {
            for conflict in conflicts
                .iter()
                .filter(|conflict| conflict.decision.is_none())
            {
                self.conflict(conflict);
            }
        }
        for error in errors_of(failure) {
            self.sums.errors += 1;
            error::report(TOOL, [error]);
            self.json(
                Object::new()
                    .with("event", "error")
                    .with("message", error.to_string()),
            );
        }
        for image in images {
            let object = Object::new()
                .with("event", "image")
                .with_path("image", image);
            self.json(object.with("merged", false));
        }
        self.flush();
    }

    /// Something outside of the transactions failed.
    #[expect(clippy::needless_pass_by_value, reason = "it ends here")]
    pub(crate) fn error(&mut self, error: Error) {
        self.say_error(&error);
    }

    fn say_error(&mut self, error: &Error) {
        self.status = exit::FAILED;
        self.sums.errors += 1;
        error::report(TOOL, [error]);
        self.json(
            Object::new()
                .with("event", "error")
                .with("message", error.to_string()),
        );
    }

    /// A conflict that stands is an error; one that was decided is told with `-v`. One of a directory may
    /// be a whole tree that is not merged, so it is told unless we are to be quiet.
    fn conflict(&mut self, conflict: &Conflict) {
        self.sums.conflicts += 1;
        let stands = conflict.decision.is_none();
        let is_tree = matches!(conflict.class, Class::Directory | Class::ThroughSymlink);
        let told = match self.settings.output.verbosity {
            Verbosity::Quiet => stands,
            Verbosity::Verbose => true,
            Verbosity::Normal => stands || is_tree,
        };
        if told {
            eprint_line(&format!("{TOOL}: {conflict}{}", summary::decided(conflict)));
        }
        self.json(summary::conflict(conflict));
    }

    fn told(&mut self, images: &[PathBuf], told: &Told, place: &Path) {
        if let Some(manifest) = &mut self.manifest {
            manifest.note(told, place);
        }
        if self.settings.output.verbosity == Verbosity::Verbose {
            // The top itself is joined, too.
            let top = Path::new(".");
            let is_top = told.path.as_os_str().is_empty();
            let path = show::path(if is_top { top } else { &told.path });
            let image = show::path(&images[told.image]);
            eprint_line(&format!(
                "{TOOL}: {} {path} of {image}",
                summary::word(told)
            ));
        }
        self.json(summary::told(&images[told.image], told));
    }

    /// A rename does not look into a directory: who asks for JSON asks for the files in it, too.
    ///
    /// They are merged, whether they can be counted or not.
    fn count_inside(&mut self, told: &Told, place: &Path) {
        if self.json.is_none() || told.what != What::MovedTree {
            return;
        }
        let dir = Dir::named(&self.settings.destination).and_then(|root| root.beneath(place));
        self.sums.inside += dir.map_or(0, |dir| files_in(&dir));
    }

    fn json(&mut self, object: Object) {
        self.in_json(|lines| lines.write(object));
    }

    /// Nothing of a transaction that is over is held back: the wait for the next record may end by a signal.
    fn flush(&mut self) {
        self.in_json(Lines::flush);
    }

    fn in_json(&mut self, act: impl FnOnce(&mut Lines) -> Result<()>) {
        if let Some(Err(error)) = self.json.as_mut().map(act) {
            self.json = None;
            self.status = exit::FAILED;
            error::report(TOOL, [&error]);
        }
    }

    /// Says what was merged, because a signal is about to end us. There is no time for a manifest.
    pub(crate) fn break_off(&mut self, signal: i32) {
        self.status = exit::of_signal(signal);
        self.sums.broken_off = true;
        self.manifest = None;
        self.sum_up();
    }

    /// Says the summary, and gives the exit status.
    pub(crate) fn finish(mut self) -> u8 {
        let destination = &self.settings.destination;
        if let Some(Err(error)) = self.manifest.take().map(|m| m.write(destination)) {
            self.say_error(&error);
        }
        self.sum_up();
        self.status
    }

    fn sum_up(&mut self) {
        let sums = std::mem::take(&mut self.sums);
        let destination = &self.settings.destination;
        let object = sums.object(destination).with("status", self.status);
        self.json(object);
        if let Some(Err(error)) = self.json.take().map(Lines::finish) {
            self.status = exit::FAILED;
            error::report(TOOL, [&error]);
        }
        let quiet = self.settings.output.verbosity == Verbosity::Quiet;
        // Where nothing was merged the errors have said it all.
        let done = !sums.images.is_empty() || sums.conflicts > 0 || self.status == exit::DONE;
        if !quiet && done && !self.settings.merge.dry_run {
            eprint_line(&format!("{TOOL}: {}", sums.line(destination)));
        }
    }
}

/// Where the paths of images lie below DEST.
struct Places<'a>(BTreeMap<&'a Path, &'a Path>);

impl<'a> Places<'a> {
    fn of(plans: &'a [Plan]) -> Self {
        let steps = plans.iter().flat_map(|plan| &plan.dirs);
        // Only behind a symlink that was passed through it is another.
        let passed = steps.filter(|step| step.path != step.place);
        Self(passed.map(|s| (&*s.path, &*s.place)).collect())
    }

    fn of_path(&self, path: &Path) -> PathBuf {
        let passed = |above: &Path| {
            let below = path.strip_prefix(above).ok()?;
            self.0
                .get(above)
                .map(|place| destination::below(place, below))
        };
        path.ancestors()
            .find_map(passed)
            .unwrap_or_else(|| path.to_owned())
    }
}

/// The files below `dir`, but for those in directories that we may not read.
fn files_in(dir: &Dir) -> u64 {
    let mut files = 0;
    for entry in dir.list().unwrap_or_default().iter() {
        let kind = entry.kind.or_else(|| dir.kind_of(entry.name).ok());
        files += match kind {
            Some(kind) if kind.is_dir() => dir.child(entry.name).map_or(0, |dir| files_in(&dir)),
            _ => 1,
        };
    }
    files
}

impl Sums {
    fn add(&mut self, tally: &Tally, done: &Done) {
        use std::sync::atomic::Ordering::Relaxed;
        self.images.extend(done.images.iter().cloned());
        for (sum, method) in self.by.iter_mut().zip(METHODS) {
            *sum += tally.by(method);
        }
        for (key, count) in tally.fallbacks() {
            *self.fallbacks.entry(key).or_default() += count;
        }
        self.directories += tally.directories.load(Relaxed);
        self.dressed += tally.dressed.load(Relaxed);
        self.trees += tally.trees.load(Relaxed);
        self.replaced += tally.replaced.load(Relaxed);
        self.splits += tally.splits.load(Relaxed);
        for ((name, cause), count) in tally.lost_attributes() {
            self.lost.push((name, cause, count));
        }
        for plan in &done.plans {
            self.counts.add(&plan.counts());
        }
    }
}
