//! Each job's own supervisor, a process that knows the job's whole tree and ends it.
//!
//! The supervisor is `py-foreach` executed again. It is the subreaper of its job alone, so a grandchild that
//! called setsid(2) comes back to it and to no other. [`handle`] is the side of py-foreach, [`supervisor`] the
//! process itself, [`message`] what the two send each other, [`tree`] the processes below a process.
//!
//! The two share one socket. Its end tells each side that the other is dead: then the supervisor ends its tree.
//! (`PR_SET_PDEATHSIG` would fire when a mere thread ends.) The job's pipe is handed to the command and then
//! closed, so the end of the pipe means that no process of the job holds it any more.

mod command;
mod handle;
mod message;
pub(crate) mod supervisor;
pub(crate) mod tree;

pub(crate) use handle::{Orders, Supervisor};
pub(crate) use message::{Daemon, JobEvent, Order, Usage};

/// The name that makes `py-foreach` a supervisor, as the first of its words.
pub(crate) const ARGV0: &str = "py-foreach-supervisor";
