//! What is said about a run when it is over.

mod file;
mod joblog;
mod json;
mod summary;

use std::path::PathBuf;
use std::time::Duration;

use common::{Error, Result, exit, show};

use crate::job::Job;
use crate::run::{Finished, Outcome};
use crate::settings::Settings;
use file::ReportFile;

pub(crate) use summary::{errors, say};

/// What a report tells beside the jobs themselves.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) wall: Duration,
    pub(crate) slots: usize,
    /// `own` or `given`.
    pub(crate) pool: &'static str,
    /// The slots that a tool which knows no pool was told.
    pub(crate) share: usize,
    /// Memory that could be had before anything ran, in bytes.
    pub(crate) memory: Option<u64>,
}

/// The files that were asked for.
#[derive(Debug)]
pub(crate) struct Files {
    joblog: Option<ReportFile>,
    report: Option<ReportFile>,
}

/// Writes the files that were asked for; gives back what could not be written.
pub(crate) fn write(
    settings: &Settings,
    files: Files,
    jobs: &[Job],
    outcome: &Outcome,
    status: u8,
) -> Vec<Error> {
    let words: Vec<String> = settings
        .command
        .iter()
        .map(|w| show::name(w).to_string())
        .collect();
    let joblog = files.joblog;
    let joblog =
        joblog.map(|file| file.write(joblog::text(jobs, &words.join(" "), outcome).as_bytes()));
    let report = files.report;
    let report =
        report.map(|file| file.write(json::text(&outcome.facts, jobs, outcome, status).as_bytes()));
    [joblog, report]
        .into_iter()
        .flatten()
        .filter_map(Result::err)
        .collect()
}

/// Sees to it that the files can be written, before anything runs.
pub(crate) fn try_files(settings: &Settings) -> Result<Files> {
    let open = |path: &Option<PathBuf>| path.as_deref().map(ReportFile::open).transpose();
    Ok(Files {
        joblog: open(&settings.reports.joblog)?,
        report: open(&settings.reports.report)?,
    })
}

/// The status of the whole run: that of the first failing job in declared order, ours if there is none.
pub(crate) fn status(outcome: &Outcome) -> u8 {
    let jobs = outcome.finished.iter().flatten();
    let first = jobs
        .filter_map(Finished::status)
        .find(|&status| status != exit::DONE);
    match first {
        Some(status) if outcome.errors.is_empty() => status,
        None if outcome.errors.is_empty() => exit::DONE,
        _ => exit::FOREACH_FAILED,
    }
}
