//! What is done with every script of an image.

use common::Implementation;

use crate::layout::Layout;
use crate::wrapper::Kind;

/// One image to wrap.
pub(crate) struct Job<'a> {
    pub(crate) implementation: &'a Implementation,
    pub(crate) layout: &'a Layout,
    pub(crate) kind: Kind,
    /// `SOURCE_DATE_EPOCH`, in seconds.
    pub(crate) epoch: Option<i64>,
}
