//! A run over one image or many: opens each, decides, acts, reports, and keeps the exit status.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use common::cli::Verbosity;
use common::error::{eprint_line, report as complain};
use common::{Error, Implementation, Interrupts, Result, exit, json};

use crate::cli::Args;
use crate::image::folder::Folder;
use crate::image::leftovers::Place;
use crate::image::survey::survey;
use crate::options::Options;
use crate::plan::{self, Decision, Rules};
use crate::report::{self, Subject};
use crate::{TOOL, apply, replicate};

/// The state of a run.
pub(crate) struct Session {
    options: Options,
    interrupts: Interrupts,
    pub(crate) dry_run: bool,
    is_stream: bool,
    verbosity: Verbosity,
    json: Option<json::Lines>,
}

/// Why an image was not wrapped, and the exit status for that.
struct Failure {
    status: u8,
    errors: Vec<Error>,
}

impl From<Vec<Error>> for Failure {
    fn from(errors: Vec<Error>) -> Self {
        let is_refusal = errors.iter().all(Error::is_refusal);
        let status = if is_refusal {
            exit::REFUSED
        } else {
            exit::FAILED
        };
        Self { status, errors }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        vec![error].into()
    }
}

impl Failure {
    /// The changes were rolled back: whatever the reason, that is a failure and not a refusal.
    fn rolled_back(errors: Vec<Error>) -> Self {
        let status = exit::FAILED;
        Self { status, errors }
    }
}

impl Session {
    pub(crate) fn new(args: &Args) -> Result<Self> {
        Ok(Self {
            options: args.options()?,
            interrupts: Interrupts::watch()?,
            dry_run: args.dry_run,
            is_stream: args.stream.images_from.is_some(),
            verbosity: args.shared.verbosity(),
            json: args.json.as_deref().map(json::Lines::create).transpose()?,
        })
    }

    /// Completes the file of `--json`.
    pub(crate) fn finish(self) -> Result<()> {
        self.json.map_or(Ok(()), json::Lines::finish)
    }

    /// Wraps one image, reports what failed, and returns the status of this image.
    pub(crate) fn wrap(&mut self, implementation: &Implementation, image: &Path) -> u8 {
        status_of(self.try_wrap(implementation, image))
    }

    /// Installs scripts for several implementations; otherwise like [`Session::wrap`].
    pub(crate) fn replicate(
        &mut self,
        implementations: &[Implementation],
        files: &[PathBuf],
        image: &Path,
    ) -> u8 {
        status_of(self.try_replicate(implementations, files, image))
    }

    fn try_wrap(&mut self, implementation: &Implementation, path: &Path) -> Result<(), Failure> {
        let image = self.open(path)?;
        let survey = survey(self.place(&image), implementation)?;
        let rules = Rules {
            implementation,
            options: &self.options,
            image: image.path(),
        };
        let plan = plan::plan(survey, rules);
        let refusals = plan.refusals(self.is_stream.then_some(image.path()));
        let is_refused = !refusals.is_empty();
        if !is_refused && !self.dry_run {
            apply::apply(self.place(&image), &plan, rules, &self.interrupts)
                .map_err(Failure::rolled_back)?;
        }
        let subject = Subject {
            implementation,
            image: image.path(),
        };
        for decision in &plan.decisions {
            // A plan that was refused changed nothing.
            if self.dry_run || !is_refused || !decision.changes() {
                self.report(subject, decision)?;
            }
        }
        for linked in &plan.linked {
            self.say(implementation, &report::linked(linked))?;
        }
        if plan.decisions.is_empty() && self.verbosity == Verbosity::Verbose {
            note(implementation, "no bin directory has anything in it");
        }
        if is_refused {
            return Err(refusals.into());
        }
        if self.verbosity > Verbosity::Quiet && !self.dry_run {
            note(implementation, &report::summary(&plan));
        }
        Ok(())
    }

    fn try_replicate(
        &mut self,
        implementations: &[Implementation],
        files: &[PathBuf],
        path: &Path,
    ) -> Result<(), Failure> {
        let image = self.open(path)?;
        let replicas = replicate::prepare(self.place(&image), files, implementations)?;
        if !self.dry_run {
            apply::replicate(self.place(&image), &replicas, &self.interrupts)
                .map_err(Failure::rolled_back)?;
        }
        for (implementation, decision) in replicas.iter().flat_map(replicate::Replica::decisions) {
            let image = image.path();
            let subject = Subject {
                implementation,
                image,
            };
            self.report(subject, &decision)?;
        }
        Ok(())
    }

    /// Opens an image. If something may be changed, keeps other runs out of it and puts back what a killed run took
    /// away.
    ///
    /// That comes before anything is read, so that a decision is about the image as it stays.
    fn open(&self, path: &Path) -> Result<Folder> {
        let image = Folder::image(path)?;
        if !self.dry_run {
            image.lock()?;
            self.place(&image).put_back_lost()?;
        }
        Ok(image)
    }

    fn place<'a>(&'a self, image: &'a Folder) -> Place<'a> {
        let options = &self.options;
        Place { image, options }
    }

    fn report(&mut self, subject: Subject<'_>, decision: &Decision) -> Result<()> {
        let layout = &self.options.layout;
        if let Some(json) = &mut self.json {
            json.write(report::object(decision, subject, layout))?;
        }
        let line = report::line(decision, subject.implementation, layout);
        self.say(subject.implementation, &line)
    }

    /// Prints a line of the plan: to stdout in a dry run, to stderr with `-v`.
    fn say(&self, implementation: &Implementation, line: &str) -> Result<()> {
        if self.dry_run {
            writeln!(io::stdout(), "{implementation}: {line}")
                .map_err(|cause| Error::io("write", "standard output", cause))?;
        } else if self.verbosity == Verbosity::Verbose {
            note(implementation, line);
        }
        Ok(())
    }
}

fn note(implementation: &Implementation, line: &str) {
    eprint_line(&format!("{TOOL}: {implementation}: {line}"));
}

fn status_of(result: Result<(), Failure>) -> u8 {
    result.map_or_else(
        |failure| {
            complain(TOOL, &failure.errors);
            failure.status
        },
        |()| exit::DONE,
    )
}
