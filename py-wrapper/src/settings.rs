//! What the command line and the environment ask for, as types.

use std::path::PathBuf;

use common::cli::Verbosity;
use common::record::End;
use common::{Error, Implementation, Result};

use crate::layout::Layout;
use crate::wrapper::Kind;

/// How images are wrapped.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) layout: Layout,
    pub(crate) kind: Kind,
    /// Whether scripts of other implementations are rewritten.
    pub(crate) force: bool,
    pub(crate) dry_run: bool,
    pub(crate) verbosity: Verbosity,
    pub(crate) json: Option<PathBuf>,
    /// `SOURCE_DATE_EPOCH`, in seconds.
    pub(crate) epoch: Option<i64>,
}

/// What is wrapped.
#[derive(Debug)]
pub(crate) enum Task {
    /// One image.
    Image(Implementation, PathBuf),
    /// The images of a stream of records.
    Stream(PathBuf, End),
    /// Scripts, for several implementations, in one image.
    Replicate {
        files: Vec<PathBuf>,
        implementations: Vec<Implementation>,
        image: PathBuf,
    },
}

/// Reads `SOURCE_DATE_EPOCH`.
pub(crate) fn epoch() -> Result<Option<i64>> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let Some(value) = std::env::var_os(NAME) else {
        return Ok(None);
    };
    match value.to_str().and_then(|text| text.parse().ok()) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(Error::refused(
            format!("read {NAME}"),
            value,
            "is not a number of seconds",
        )),
    }
}
