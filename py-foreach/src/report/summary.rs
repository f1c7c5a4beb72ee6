//! The lines on stderr at the end: what failed, in declared order, and the first failure's own words.

use common::cli::Verbosity;
use common::{Error, show};

use crate::TOOL;
use crate::job::{Ending, Job};
use crate::output::{Sink, tail};
use crate::run::{Finished, Outcome};

/// How much of the failing log is shown again.
const TAIL_LINES: usize = 20;
const TAIL_BYTES: u64 = 8 << 10;

/// Says what is to be said.
pub(crate) fn say(jobs: &[Job], outcome: &Outcome, verbosity: Verbosity, stderr: &Sink) {
    let mut shown = false;
    for (job, finished) in jobs.iter().zip(&outcome.finished) {
        let name = show::name(&job.name);
        let Some(finished) = finished else {
            stderr.say(format_args!("{TOOL}: {name}: was not started"));
            continue;
        };
        for error in &finished.errors {
            stderr.say(format_args!("{TOOL}: {name}: {error}"));
        }
        if verbosity > Verbosity::Quiet {
            for line in notes(finished) {
                stderr.say(format_args!("{TOOL}: {name}: {line}"));
            }
        }
        if let Some(how) = failure(finished.ending) {
            if finished.ending == Ending::Stopped || never_spoke(finished) {
                // A log that may go with us, or that is not there or empty, says nothing about a failure.
                stderr.say(format_args!("{TOOL}: {name}: {how}"));
                continue;
            }
            let log = show::path(&finished.log);
            let tells = !shown && verbosity > Verbosity::Quiet && finished.status().is_some();
            // An empty log tells nothing: the next failure may.
            let end = tells
                .then(|| end_of(finished))
                .filter(|text| !text.is_empty());
            let colon = if end.is_some() { "; it ends:" } else { "" };
            stderr.say(format_args!(
                "{TOOL}: {name}: {how}; its log is {log}{colon}"
            ));
            if let Some(text) = end {
                shown = true;
                // Where stderr is gone there is nobody to be told.
                drop(stderr.write_all(&text));
            }
        }
    }
    if outcome.lost > 0 {
        let slots = if outcome.lost == 1 {
            "slot was"
        } else {
            "slots were"
        };
        let lost = outcome.lost;
        stderr.say(format_args!(
            "{TOOL}: {lost} {slots} lost by clients that were killed, and made good"
        ));
    }
    errors(&outcome.errors, stderr);
}

/// Says what went wrong, a line for each error.
pub(crate) fn errors<'e>(errors: impl IntoIterator<Item = &'e Error>, stderr: &Sink) {
    for error in errors {
        stderr.say(format_args!("{TOOL}: {error}"));
    }
}

/// Whether the job could not be run and so printed nothing.
fn never_spoke(finished: &Finished) -> bool {
    let printed = || tail(&finished.log, finished.begin, 1, TAIL_BYTES);
    finished.ending == Ending::Broken && !printed().is_ok_and(|text| !text.is_empty())
}

fn failure(ending: Ending) -> Option<String> {
    match ending {
        Ending::Exited(common::exit::DONE) => None,
        Ending::Exited(status) => Some(format!("exited with status {status}")),
        Ending::Signalled(signal) => Some(format!("was killed by signal {signal}")),
        Ending::TimedOut => Some("ran into its time limit".to_owned()),
        Ending::Stopped => Some("was stopped".to_owned()),
        Ending::Broken => Some("could not be run".to_owned()),
    }
}

fn notes(finished: &Finished) -> Vec<String> {
    let mut notes = Vec::new();
    if !finished.daemons.is_empty() {
        let names: Vec<String> = finished
            .daemons
            .iter()
            .map(|daemon| format!("{} ({})", show::name(&daemon.name), daemon.pid))
            .collect();
        notes.push(format!("left running: {}", names.join(", ")));
    }
    if finished.output_held {
        notes.push("what these still print is in no log".to_owned());
    }
    notes
}

/// The last lines of the log, or why it cannot be read.
fn end_of(finished: &Finished) -> Vec<u8> {
    let mut text =
        tail(&finished.log, finished.begin, TAIL_LINES, TAIL_BYTES).unwrap_or_else(|cause| {
            let (log, cause) = (show::path(&finished.log), common::error::plain(&cause));
            format!("{TOOL}: read {log}: {cause}").into_bytes()
        });
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text
}
