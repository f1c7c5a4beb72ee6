//! Why a transaction was given up.

use std::path::PathBuf;

use common::Error;

use crate::plan::Conflict;

/// Why a transaction was given up.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The images and DEST hold paths differently.
    Conflicts(Vec<Conflict>),
    /// An image holds what no image may hold.
    Refused(Vec<Error>),
    /// Steps failed.
    Failed(Vec<Error>),
    /// A signal came.
    Interrupted,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(vec![error])
    }
}

impl Failure {
    /// `Ok` without errors.
    pub(crate) fn unless_none(errors: Vec<Error>) -> Result<(), Self> {
        if errors.is_empty() {
            return Ok(());
        }
        Err(Self::Failed(errors))
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Conflicts(_) | Self::Refused(_) => common::exit::REFUSED,
            Self::Failed(_) | Self::Interrupted => common::exit::FAILED,
        }
    }

    /// Its errors, without the conflicts.
    pub(crate) fn errors(&self) -> &[Error] {
        match self {
            Self::Refused(errors) | Self::Failed(errors) => errors,
            Self::Conflicts(_) | Self::Interrupted => &[],
        }
    }

    /// Adds what failed while the transaction was undone.
    pub(crate) fn with(self, more: Vec<Error>) -> Self {
        if more.is_empty() {
            return self;
        }
        let mut errors = match self {
            Self::Failed(errors) | Self::Refused(errors) => errors,
            Self::Conflicts(conflicts) => {
                let said = |conflict: &Conflict| Error::said("merge", conflict.to_string());
                conflicts.iter().map(said).collect()
            }
            Self::Interrupted => Vec::new(),
        };
        errors.extend(more);
        Self::Failed(errors)
    }
}

/// The errors of several threads, in the order of their paths.
pub(crate) fn in_order(mut errors: Vec<(PathBuf, Error)>) -> Vec<Error> {
    errors.sort_by(|(a, _), (b, _)| a.cmp(b));
    errors.into_iter().map(|(_, error)| error).collect()
}
