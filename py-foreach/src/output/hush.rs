//! The end of all waiting for readers.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use common::{Error, Result};
use rustix::pipe::{PipeFlags, pipe_with};

/// Ends all waiting for readers, for good.
#[derive(Debug)]
pub(crate) struct Hush {
    asked: OwnedFd,
    ask: OwnedFd,
}

impl Hush {
    /// Nobody has asked yet.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let (asked, ask) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
            .map_err(|cause| Error::io("make", "pipe", cause))?;
        Ok(Arc::new(Self { asked, ask }))
    }

    /// From here on nothing is shown that a reader would have to make room for.
    pub(crate) fn ask(&self) {
        // When it is full it has been asked before.
        let _full = rustix::io::write(&self.ask, b"!");
    }

    /// Can be read once it has been asked.
    pub(super) fn asked(&self) -> BorrowedFd<'_> {
        self.asked.as_fd()
    }
}
