//! A run over one image or many: open each, decide, apply, report.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use common::cli::Verbosity;
use common::error::{eprint_line, report as complain};
use common::{Error, Implementation, Interrupts, Result, exit, json, show};

use crate::image::{self, Folder};
use crate::plan::{self, Decision, Plan, Rules};
use crate::report::{self, Subject};
use crate::settings::Settings;
use crate::{apply, replicate};

/// The tool's name in messages.
pub(crate) const TOOL: &str = "py-wrapper";

pub(crate) struct Session {
    pub(crate) settings: Settings,
    interrupts: Interrupts,
    json: Option<json::Lines>,
}

impl Session {
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let json = settings.json.as_deref().map(json::Lines::create);
        Ok(Self {
            interrupts: Interrupts::watch()?,
            json: json.transpose()?,
            settings,
        })
    }

    /// Writes what is still held back.
    pub(crate) fn finish(self) -> Result<()> {
        self.json.map_or(Ok(()), json::Lines::finish)
    }

    /// Wraps the scripts of an image, reports, and returns the exit status.
    pub(crate) fn wrap(&mut self, implementation: &Implementation, image: &Path) -> u8 {
        status(self.try_wrap(implementation, image))
    }

    fn try_wrap(&mut self, implementation: &Implementation, path: &Path) -> Result<(), Vec<Error>> {
        let image = self.open(path).map_err(one)?;
        let absolute = absolute(path).map_err(one)?;
        let survey = image::survey(&image, &self.settings.layout, implementation);
        let plan = plan::plan(survey.map_err(one)?, implementation, self.rules(&absolute));
        let refusals = plan.refusals(&absolute);
        if refusals.is_empty() {
            self.apply(&image, &plan)?;
        }
        let is_done = |decision: &&Decision| refusals.is_empty() || !decision.changes();
        let told = plan
            .decisions
            .iter()
            .filter(|d| self.settings.dry_run || is_done(d));
        self.report(&told.collect::<Vec<_>>(), implementation, &absolute)
            .map_err(one)?;
        for linked in &plan.linked {
            let linked = show::path(linked);
            self.say(&format!("{implementation}: leave {linked}: a symlink"))
                .map_err(one)?;
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        if plan.decisions.is_empty() && self.settings.verbosity == Verbosity::Verbose {
            eprint_line(&format!(
                "{TOOL}: {implementation}: no bin directory has anything in it"
            ));
        }
        if self.settings.verbosity > Verbosity::Quiet && !self.settings.dry_run {
            eprint_line(&format!(
                "{TOOL}: {}",
                report::summary(&plan, implementation)
            ));
        }
        Ok(())
    }

    /// Installs `files` for several implementations, reports, and returns the exit status.
    pub(crate) fn replicate(
        &mut self,
        files: &[PathBuf],
        implementations: &[Implementation],
        image: &Path,
    ) -> u8 {
        status(self.try_replicate(files, implementations, image))
    }

    fn try_replicate(
        &mut self,
        files: &[PathBuf],
        implementations: &[Implementation],
        path: &Path,
    ) -> Result<(), Vec<Error>> {
        let image = self.open(path).map_err(one)?;
        let absolute = absolute(path).map_err(one)?;
        let plan = replicate::prepare(&image, files, implementations, self.rules(&absolute))?;
        self.apply(&image, &plan)?;
        let told: Vec<_> = plan.decisions.iter().collect();
        self.report(&told, &implementations[0], &absolute)
            .map_err(one)
    }

    fn open(&self, path: &Path) -> Result<Folder> {
        if self.settings.dry_run {
            return Folder::image(path);
        }
        image::open_to_change(path, &self.settings.layout)
    }

    fn rules<'a>(&'a self, image: &'a Path) -> Rules<'a> {
        Rules {
            layout: &self.settings.layout,
            force: self.settings.force,
            image,
        }
    }

    fn apply(&self, image: &Folder, plan: &Plan) -> Result<(), Vec<Error>> {
        if self.settings.dry_run {
            return Ok(());
        }
        apply::apply(image, plan, &self.settings, &self.interrupts)
    }

    fn report(
        &mut self,
        decisions: &[&Decision],
        implementation: &Implementation,
        image: &Path,
    ) -> Result<()> {
        let subject = Subject {
            implementation,
            layout: &self.settings.layout,
            image,
        };
        let notes: Vec<_> = decisions
            .iter()
            .flat_map(|decision| subject.notes(decision))
            .collect();
        for note in notes {
            self.say(&note.line)?;
            if let Some(json) = &mut self.json {
                json.write(note.object)?;
            }
        }
        Ok(())
    }

    /// Prints a line of the plan: on stdout in a dry run, else on stderr with `-v`.
    fn say(&self, line: &str) -> Result<()> {
        if self.settings.dry_run {
            writeln!(io::stdout(), "{line}")
                .map_err(|cause| Error::io("write", "standard output", cause))?;
        } else if self.settings.verbosity == Verbosity::Verbose {
            eprint_line(&format!("{TOOL}: {line}"));
        }
        Ok(())
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|cause| Error::io("find", path, cause))
}

fn one(error: Error) -> Vec<Error> {
    vec![error]
}

/// Reports errors. The status is 1 if all of them are refusals because of the input.
fn status(done: Result<(), Vec<Error>>) -> u8 {
    let Err(errors) = done else {
        return exit::DONE;
    };
    complain(TOOL, &errors);
    if errors.iter().all(Error::is_refusal) {
        exit::REFUSED
    } else {
        exit::FAILED
    }
}
