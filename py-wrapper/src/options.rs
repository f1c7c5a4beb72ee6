//! What a run is asked to do with every image.

use crate::layout::Layout;
use crate::wrapper::Kind;

/// The choices of the command line and the environment that decide what is written.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) layout: Layout,
    pub(crate) kind: Kind,
    /// Whether scripts of other implementations are rewritten.
    pub(crate) force: bool,
    /// `SOURCE_DATE_EPOCH`, in seconds.
    pub(crate) epoch: Option<i64>,
}
