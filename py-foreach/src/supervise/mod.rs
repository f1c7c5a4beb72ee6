//! A job's own supervisor: `py-foreach` executed again, which knows the job's whole tree and ends it.
//!
//! One process per job is the subreaper of that job alone, so a grandchild that called setsid(2) comes
//! back to it and to no other. [`engine`] is the side that starts it, [`keeper`] is what it does, [`word`]
//! what the two say to each other, [`tree`] the processes below a process.
//!
//! The two share one socket, the supervisor's standard input. Its standard output and error are the
//! job's pipe, which it hands to the command and then closes, so that the pipe's end means that nobody
//! of the job holds it any more. The socket's end tells each side that the other is dead: the supervisor
//! then ends its tree (`PR_SET_PDEATHSIG` would need unsafe code and fires when a mere thread ends).

pub(crate) mod engine;
pub(crate) mod keeper;
pub(crate) mod tree;
mod word;

pub(crate) use engine::{Orders, Supervisor};
pub(crate) use keeper::keep;
pub(crate) use word::{Daemon, Exit, Order, Usage, Word};

/// The name that makes `py-foreach` a supervisor, as the first of its words.
pub(crate) const ARGV0: &str = "py-foreach-supervisor";
