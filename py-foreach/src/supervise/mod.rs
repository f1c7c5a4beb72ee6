//! A job's own supervisor, which knows the job's whole tree and ends it.
//!
//! One process per job is the subreaper of that job alone, so a grandchild that called setsid(2) comes
//! back to it and to no other. The [`starter`], `py-foreach` executed again, forks them; [`engine`] is the
//! side that asks for one by a [`request`], [`keeper`] is what it does to the [`command`] and its tree,
//! [`ending`] how it ends them, [`word`] what the two say to each other, [`tree`] the processes below a
//! process.
//!
//! The two share one socket. The job's pipe is handed to the command and then closed, so that the pipe's
//! end means that nobody of the job holds it any more. The socket's end tells each side that the other is
//! dead: the supervisor then ends its tree (`PR_SET_PDEATHSIG` fires when a mere thread ends).

mod command;
mod ending;
pub(crate) mod engine;
mod fork;
mod keeper;
mod request;
pub(crate) mod starter;
pub(crate) mod tree;
mod word;

pub(crate) use engine::{Orders, Supervisor};
pub(crate) use starter::Starter;
pub(crate) use word::{Daemon, Exit, Order, Usage, Word};

/// The name that makes `py-foreach` the starter of supervisors, as the first of its words.
pub(crate) const ARGV0: &str = "py-foreach-supervisor";
