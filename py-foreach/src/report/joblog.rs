//! `--joblog`: GNU parallel's columns, tab-separated, so that its readers serve.

use std::time::UNIX_EPOCH;

use common::show;

use crate::environment::Job;
use crate::job::Ending;
use crate::outcome::{Finished, Outcome};

const HEADER: &str = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

/// The whole of it: a line for each job that was started, in declared order.
pub(crate) fn text(jobs: &[Job], command: &str, outcome: &Outcome) -> String {
    let mut text = HEADER.to_owned();
    for (index, (job, finished)) in jobs.iter().zip(&outcome.finished).enumerate() {
        if let Some(finished) = finished {
            let command = format!("{}: {command}", show::name(&job.name));
            text.push_str(&line(index + 1, &command, finished));
        }
    }
    text
}

fn line(seq: usize, command: &str, finished: &Finished) -> String {
    let start = finished
        .started
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let (exit, signal) = match finished.ending {
        Ending::Exited(status) => (status, 0),
        Ending::Signalled(signal) => (0, signal),
        Ending::TimedOut => (common::exit::TIMED_OUT, 0),
        Ending::Stopped => (0, 15),
        Ending::Broken => (common::exit::FOREACH_FAILED, 0),
    };
    let (start, wall) = (start.as_secs_f64(), finished.wall.as_secs_f64());
    let printed = finished.printed;
    format!("{seq}\t:\t{start:.3}\t{wall:10.3}\t0\t{printed}\t{exit}\t{signal}\t{command}\n")
}
