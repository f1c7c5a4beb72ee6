//! Runs all jobs: gives out slots, starts jobs in declared order, heeds signals and failures.
//!
//! One thread decides here, and waits for nobody's reader. Each job has a thread of its own, so have the
//! showing of output, the answer to USR1 and the signals; they send [`Event`]s. What is there before the
//! first job is [`whole`]'s. Which job is next is [`schedule`]'s, one job's way is [`job_runner`]'s.

mod descriptors;
mod engine;
mod finished;
mod job_runner;
mod live;
mod load;
mod orphans;
mod outcome;
mod schedule;
mod whole;

pub(crate) use engine::Event;
pub(crate) use finished::Finished;
pub(crate) use live::{Jobs, Live};
pub(crate) use outcome::Outcome;
pub(crate) use whole::{Run, at_once};
