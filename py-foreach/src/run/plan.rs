//! A run: what is to be done, with what, and the events on its way.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use common::Result;
use common::record::Writer;

use crate::cli::Settings;
use crate::console::Console;
use crate::environment::Job;
use crate::job::PoolView;
use crate::live::Live;
use crate::outcome::Finished;
use crate::output::{LogProgress, Sink};
use crate::signals::Ask;

/// A run: what is to be done, and with what.
pub(crate) struct Run<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) jobs: &'a [Job],
    /// Each job's log.
    pub(crate) logs: Vec<PathBuf>,
    pub(crate) live: Arc<Live>,
    pub(crate) progress: Arc<LogProgress>,
    pub(crate) pool: &'a PoolView,
    pub(crate) console: &'a Console,
    pub(crate) tell: Sender<Event>,
    /// The most jobs that may run at the same time, slots apart.
    pub(crate) at_once: usize,
}

/// An event for the engine.
#[derive(Debug)]
pub(crate) enum Event {
    /// A signal came.
    Ask(Ask),
    /// A job has ended.
    Finished(usize, Box<Finished>),
    /// Everything was shown, or could not be.
    Shown(Result<Option<Writer<Sink>>>),
    /// Nobody reads our stdout any more.
    ReaderGone,
    /// Memory pressure began or ended.
    PressureChanged,
}
