//! What a job needs to start, and how it ended: plain values, nothing on disk.

use std::ffi::OsString;
use std::path::PathBuf;

use common::exit;

use crate::clients::Kind;

/// What a job learns of the pool.
#[derive(Debug, Clone)]
pub(crate) struct PoolView {
    /// The fifo that holds the tokens; nobody inherits descriptors.
    pub(crate) fifo: PathBuf,
    /// The slots of a tool that knows no pool; at least 1.
    pub(crate) share: usize,
    /// What the make on PATH understands of pools.
    pub(crate) make: Kind,
}

/// A job that can be started: exactly what execve(2) gets.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// A path, or a name that is looked up on the job's own PATH.
    pub(crate) program: PathBuf,
    /// All words, the first being the program's name as it was given.
    pub(crate) argv: Vec<OsString>,
    /// The whole environment.
    pub(crate) env: Vec<(OsString, OsString)>,
    /// Where it runs; `None` is where we are.
    pub(crate) cwd: Option<PathBuf>,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself, with this status.
    Exited(u8),
    /// By this signal, which we did not send.
    Signalled(i32),
    /// By its time limit.
    TimedOut,
    /// We ended it: a halt, a signal to us, or output that nobody reads.
    Stopped,
    /// We could not run it: its directories could not be made, or its supervisor was killed.
    Broken,
}

impl Ending {
    pub(crate) fn is_success(self) -> bool {
        self == Self::Exited(exit::DONE)
    }

    /// The status that a shell would see; `None` for a job that we stopped, which does not count.
    pub(crate) fn status(self) -> Option<u8> {
        match self {
            Self::Exited(status) => Some(status),
            Self::Signalled(signal) => Some(exit::of_signal(signal)),
            Self::TimedOut => Some(exit::TIMED_OUT),
            Self::Broken => Some(exit::FOREACH_FAILED),
            Self::Stopped => None,
        }
    }
}
