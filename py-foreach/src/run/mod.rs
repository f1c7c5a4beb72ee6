//! Runs all jobs: gives out slots, starts jobs in declared order, handles signals and failures.
//!
//! One thread decides: the [`engine`], which waits for no reader. Each job has a thread of its own
//! ([`job_runner`]). The showing of output, the console and the signals have theirs; they send [`Event`]s. What is
//! there before the first job is the [`runner`]'s.

mod engine;
mod job_runner;
mod orphans;
mod plan;
mod room;
mod runner;
mod schedule;

pub(crate) use engine::PARTING;
pub(crate) use plan::{Event, Run};
pub(crate) use runner::at_once;
