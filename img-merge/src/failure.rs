//! How a transaction can end before it is done.

use common::Error;

use crate::plan::Conflict;

/// Why a transaction was given up.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The image and what DEST holds do not agree.
    Conflicts(Vec<Conflict>),
    /// The image asks for what may not be.
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
    /// The exit status that it is.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Conflicts(_) | Self::Refused(_) => common::exit::REFUSED,
            Self::Failed(_) | Self::Interrupted => common::exit::FAILED,
        }
    }
}
