//! The jobs' output: first into each job's log, then to our own streams, in declared order.
//!
//! A job's thread moves bytes from the job's pipe to its log ([`Log`]) and notes how far it got
//! ([`LogProgress`]). One thread shows the logs ([`Show`]). So the bytes on our stdout are those of a serial run,
//! nothing is held in memory, and a slow reader slows down no job and no decision about one.
//!
//! **A stalled reader** blocks the thread that writes, and only that one: nobody joins it. After a signal the run
//! waits a second for it, then leaves.

mod log;
mod prefix;
mod progress;
mod records;
mod show;
mod sink;

pub(crate) use log::{Before, Log, tail};
pub(crate) use prefix::Lines;
pub(crate) use progress::{LogProgress, Over};
pub(crate) use records::Records;
pub(crate) use show::{Show, Style};
pub(crate) use sink::Sink;
