//! The lines on stderr at the end: what failed, in declared order, and the end of the first failure's log.

use common::cli::Verbosity;
use common::show;

use crate::TOOL;
use crate::console::Console;
use crate::environment::Job;
use crate::job::Ending;
use crate::outcome::{Finished, Outcome};
use crate::output::tail;

/// How much of the failing log is shown again.
const TAIL_LINES: usize = 20;
const TAIL_BYTES: u64 = 8 << 10;

/// Says what there is to say about the jobs and the run.
pub(crate) fn say(jobs: &[Job], outcome: &Outcome, verbosity: Verbosity, console: &Console) {
    let mut shows_end = verbosity > Verbosity::Quiet;
    for (job, finished) in jobs.iter().zip(&outcome.finished) {
        let name = show::name(&job.name);
        let Some(finished) = finished else {
            console.say(format_args!("{name}: was not started"));
            continue;
        };
        for error in &finished.errors {
            console.say(format_args!("{name}: {error}"));
        }
        if verbosity > Verbosity::Quiet {
            for line in notes(finished) {
                console.say(format_args!("{name}: {line}"));
            }
        }
        let Some(how) = failure(finished.ending) else {
            continue;
        };
        if finished.ending == Ending::Stopped || printed_nothing(finished) {
            // A log that may go with us, or that is missing or empty, says nothing about a failure.
            console.say(format_args!("{name}: {how}"));
            continue;
        }
        let log = show::path(&finished.log);
        // The end of an empty log says nothing: the next failure's may.
        match shows_end
            .then(|| end_of(finished))
            .filter(|end| !end.is_empty())
        {
            Some(end) => {
                shows_end = false;
                console.say(format_args!("{name}: {how}; its log is {log}; it ends:"));
                console.show(end);
            }
            None => console.say(format_args!("{name}: {how}; its log is {log}")),
        }
    }
    match outcome.lost {
        0 => {}
        1 => console.say("1 slot was lost by a client that was killed, and made good"),
        lost => console.say(format_args!(
            "{lost} slots were lost by clients that were killed, and made good"
        )),
    }
    for error in &outcome.errors {
        console.say(error);
    }
}

/// Whether the job could not be run and so printed nothing.
fn printed_nothing(finished: &Finished) -> bool {
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
