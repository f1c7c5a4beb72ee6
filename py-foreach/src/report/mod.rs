//! What is said about a run when it is over.

mod summary;

pub(crate) use summary::say;

use crate::run::Outcome;
use common::exit;

/// The status of the whole run: that of the first failing job in declared order, ours if there is none.
pub(crate) fn status(outcome: &Outcome) -> u8 {
    let jobs = outcome.finished.iter().flatten();
    let first = jobs
        .filter_map(|job| job.status())
        .find(|&status| status != exit::DONE);
    match first {
        Some(status) if outcome.errors.is_empty() => status,
        None if outcome.errors.is_empty() => exit::DONE,
        _ => exit::FOREACH_FAILED,
    }
}
