//! The jobs' output: first into each job's log, then to us, in declared order.
//!
//! A job's thread moves bytes from the job's pipe to its log. One thread shows: it follows the log of
//! the first unfinished job as tail(1) would, then goes to the next; or, with `--output prefix`, the logs
//! of all. So whatever finished first, the bytes on our stdout are those of a serial run, nothing is held
//! in memory, and a slow reader of ours slows no job down, nor any decision about one. A record is written
//! when its job and all before it have been shown.

mod feed;
mod hush;
mod interleave;
mod log;
mod prefix;
mod records;
mod show;
mod sink;

pub(crate) use feed::{Feeds, Over};
pub(crate) use hush::Hush;
pub(crate) use interleave::Interleave;
pub(crate) use log::{Before, Log, tail};
pub(crate) use prefix::Lines;
pub(crate) use records::Records;
pub(crate) use show::Show;
pub(crate) use sink::Sink;
