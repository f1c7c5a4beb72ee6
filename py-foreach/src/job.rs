//! The seam between what is to run and how it is run: plain values, nothing on disk.
//!
//! `which` and [`environment`](crate::environment) decide the jobs, the engine starts them: it gives
//! a job a slot, has its plan prepared in the job's own thread, starts the [`Launch`], and hands the
//! [`Ending`] back to the plan when the job's whole output is in its log.

use std::ffi::OsString;
use std::path::PathBuf;

use common::exit;
use common::record::Record;

use crate::environment;

/// One run of the command, decided and not yet prepared.
#[derive(Debug)]
pub(crate) struct Job {
    /// EPYTHON, or the variant as given.
    pub(crate) name: OsString,
    /// `MULTIBUILD_ID`, unique among the jobs of a run.
    pub(crate) id: OsString,
    /// What it hands on when it succeeds (`--images`).
    pub(crate) record: Option<Record>,
    /// Its environment and directories.
    pub(crate) plan: environment::Plan,
}

/// What the pool tells a job that is about to start.
#[derive(Debug, Clone)]
pub(crate) struct PoolView {
    /// The fifo that holds the tokens; nobody inherits descriptors.
    pub(crate) fifo: PathBuf,
    /// The slots of a tool that knows no pool; at least 1.
    pub(crate) share: usize,
}

/// A job that can be started: exactly what execve gets.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// The program, resolved on the job's own PATH, or a word that is looked up there.
    pub(crate) program: PathBuf,
    /// All words, the first being the program's name as it was given.
    pub(crate) argv: Vec<OsString>,
    /// The whole environment.
    pub(crate) env: Vec<(OsString, OsString)>,
    /// Where it runs; where we are, if it does not matter.
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
    /// We could not run it: its directories could not be made, its supervisor was killed.
    Broken,
}

impl Ending {
    /// Whether the job did what it was to do.
    pub(crate) fn is_success(self) -> bool {
        self == Self::Exited(exit::DONE)
    }

    /// The status that a shell would see; none for a job that we stopped, which does not count.
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
