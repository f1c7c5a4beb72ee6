//! What is reported about a run when it is over.

mod joblog;
mod json;
mod summary;

use std::io::Write;
use std::path::{Path, PathBuf};

use common::outputs::Output;
use common::{Error, Result, show};

use crate::cli::Settings;
use crate::environment::Job;
use crate::outcome::Outcome;

pub(crate) use summary::say;

/// The files that were asked for, open from before anything runs.
#[derive(Debug)]
pub(crate) struct Files {
    joblog: Option<ReportFile>,
    report: Option<ReportFile>,
    export_to: Option<ReportFile>,
}

#[derive(Debug)]
struct ReportFile {
    path: PathBuf,
    output: Output,
}

impl Files {
    /// Opens the files. What they hold stays until they are written.
    pub(crate) fn open(settings: &Settings) -> Result<Self> {
        let open = |path: &Option<PathBuf>| path.as_deref().map(ReportFile::open).transpose();
        Ok(Self {
            joblog: open(&settings.reports.joblog)?,
            report: open(&settings.reports.report)?,
            export_to: open(&settings.environment.export_to)?,
        })
    }

    /// Writes what the shell functions export, where it was asked for.
    pub(crate) fn export(&mut self, exported: Result<Vec<u8>>) -> Result<()> {
        let Some(file) = self.export_to.take() else {
            return exported.map(drop);
        };
        // What an earlier run exported is gone in any case.
        let written = file.write(exported.as_deref().unwrap_or_default());
        exported.and(written)
    }

    /// Writes joblog and report; gives back what could not be written.
    pub(crate) fn write(
        self,
        settings: &Settings,
        jobs: &[Job],
        outcome: &Outcome,
        status: u8,
    ) -> Vec<Error> {
        let words = settings
            .command
            .iter()
            .map(|word| show::name(word).to_string());
        let command = words.collect::<Vec<_>>().join(" ");
        let joblog = self
            .joblog
            .map(|file| (file, joblog::text(jobs, &command, outcome)));
        let report = self
            .report
            .map(|file| (file, json::text(jobs, outcome, status)));
        let texts = [joblog, report].into_iter().flatten();
        texts
            .filter_map(|(file, text)| file.write(text.as_bytes()).err())
            .collect()
    }
}

impl ReportFile {
    fn open(path: &Path) -> Result<Self> {
        let output = Output::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            output,
        })
    }

    fn write(mut self, text: &[u8]) -> Result<()> {
        let written = self
            .output
            .write_all(text)
            .and_then(|()| self.output.flush());
        written.map_err(|cause| Error::io("write", &self.path, cause))
    }
}
