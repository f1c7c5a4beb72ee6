//! A run over one image or many: open each, decide, apply, report.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use common::cli::Verbosity;
use common::error::{eprint_line, report as complain};
use common::{Error, Implementation, Interrupts, Result, exit, json};

use crate::image::{self, Folder};
use crate::plan::{self, Action, Decision, Plan, Rules};
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
        let implementations = std::slice::from_ref(implementation);
        self.run(implementations, image, |image, rules| {
            let survey = image::survey(image, rules.layout, implementation);
            Ok(plan::plan(survey.map_err(one)?, implementation, rules))
        })
    }

    /// Installs `files` for several implementations, reports, and returns the exit status.
    pub(crate) fn replicate(
        &mut self,
        files: &[PathBuf],
        implementations: &[Implementation],
        image: &Path,
    ) -> u8 {
        self.run(implementations, image, |image, rules| {
            replicate::prepare(image, files, implementations, rules)
        })
    }

    fn run(
        &mut self,
        implementations: &[Implementation],
        image: &Path,
        decide: impl FnOnce(&Folder, Rules<'_>) -> Result<Plan, Vec<Error>>,
    ) -> u8 {
        let Err(errors) = self.try_run(implementations, image, decide) else {
            return exit::DONE;
        };
        complain(TOOL, &errors);
        if errors.iter().all(Error::is_refusal) {
            exit::REFUSED
        } else {
            exit::FAILED
        }
    }

    fn try_run(
        &mut self,
        implementations: &[Implementation],
        path: &Path,
        decide: impl FnOnce(&Folder, Rules<'_>) -> Result<Plan, Vec<Error>>,
    ) -> Result<(), Vec<Error>> {
        let image = self.open(path).map_err(one)?;
        let absolute = std::path::absolute(path);
        let absolute = absolute.map_err(|cause| one(Error::io("find", path, cause)))?;
        let rules = Rules {
            layout: &self.settings.layout,
            force: self.settings.force,
            image: &absolute,
        };
        let plan = decide(&image, rules)?;
        let refusals = plan.refusals(&absolute);
        if refusals.is_empty() && !self.settings.dry_run {
            apply::apply(&image, &plan, &self.settings, &self.interrupts)?;
        }
        let is_printed = |decision: &&Decision| {
            refusals.is_empty() || self.settings.dry_run || !decision.changes()
        };
        let printed: Vec<_> = plan.decisions.iter().filter(is_printed).collect();
        self.report(&printed, implementations, &absolute)
            .map_err(one)?;
        if refusals.is_empty() {
            Ok(())
        } else {
            Err(refusals)
        }
    }

    fn open(&self, path: &Path) -> Result<Folder> {
        if self.settings.dry_run {
            return Folder::image(path);
        }
        image::open_to_change(path, &self.settings.layout)
    }

    fn report(
        &mut self,
        decisions: &[&Decision],
        implementations: &[Implementation],
        image: &Path,
    ) -> Result<()> {
        let names: Vec<_> = implementations.iter().map(ToString::to_string).collect();
        let names = names.join(",");
        let subject = Subject {
            implementation: &implementations[0],
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
        let Settings {
            verbosity, dry_run, ..
        } = self.settings;
        if decisions.is_empty() && verbosity == Verbosity::Verbose {
            eprint_line(&format!(
                "{TOOL}: {names}: no bin directory has anything in it"
            ));
        }
        let is_refused = decisions
            .iter()
            .any(|d| matches!(d.action, Action::Refuse(_)));
        if verbosity > Verbosity::Quiet && !dry_run && !is_refused {
            eprint_line(&format!("{TOOL}: {names}: {}", report::summary(decisions)));
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

fn one(error: Error) -> Vec<Error> {
    vec![error]
}
