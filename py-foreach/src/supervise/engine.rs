//! The engine's side of a supervisor: has it started, gives it orders, hears its words.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use common::{Error, Result};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use super::starter::Starter;
use super::word::{Order, Word};
use crate::job::Launch;

/// How much of a job's output may wait in its pipe, in bytes.
const PIPE: usize = 256 << 10;

/// A supervisor that runs.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pid: u32,
    socket: Arc<UnixStream>,
    /// The job's stdout and stderr.
    output: OwnedFd,
    heard: Vec<u8>,
}

/// Gives orders to a supervisor, from any thread.
#[derive(Debug, Clone)]
pub(crate) struct Orders(Arc<UnixStream>);

impl Orders {
    /// A supervisor that is gone needs no orders: its end is seen where its words are heard.
    pub(crate) fn give(&self, order: Order) {
        let _gone = (&*self.0).write_all(&order.encode());
    }
}

impl Supervisor {
    /// Has `launch` started below a supervisor of its own.
    pub(crate) fn start(starter: &Starter, launch: &Launch, grace: Duration) -> Result<Self> {
        let failed = |cause: io::Error| Error::io("run", &launch.program, cause);
        let (output, write_end) = pipe_with(PipeFlags::CLOEXEC).map_err(|c| failed(c.into()))?;
        // A larger pipe saves wake-ups and nothing else.
        let _as_it_is = fcntl_setpipe_size(&output, PIPE);
        // The job can read its own output away after we have been told of it.
        fcntl_setfl(&output, OFlags::NONBLOCK).map_err(|c| failed(c.into()))?;
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let pid = starter
            .start(launch, grace, theirs.as_fd(), write_end.as_fd())
            .map_err(failed)?;
        Ok(Self {
            pid,
            socket: Arc::new(ours),
            output,
            heard: Vec::new(),
        })
    }

    /// The supervisor's own number: the root of the job's tree.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// A handle to give orders by.
    pub(crate) fn orders(&self) -> Orders {
        Orders(Arc::clone(&self.socket))
    }

    /// Where the job writes.
    pub(crate) fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// Where the supervisor speaks: something to read means [`Self::hear`].
    pub(crate) fn speech(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Takes the words that have come. Nothing at all means that the supervisor is gone.
    pub(crate) fn hear(&mut self) -> Option<Vec<Word>> {
        let mut bytes = [0; 512];
        match (&*self.socket).read(&mut bytes) {
            Ok(0) => return None,
            Ok(n) => self.heard.extend_from_slice(&bytes[..n]),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
        let mut words = Vec::new();
        while let Some(end) = self.heard.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            words.extend(Word::decode(&line[..end]));
        }
        Some(words)
    }
}
