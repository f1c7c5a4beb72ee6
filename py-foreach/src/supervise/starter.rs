//! The starter: `py-foreach` executed again, once for a run, which becomes a supervisor by fork(2) as often
//! as it is asked to.
//!
//! A supervisor costs a fork of a small process so, and no execution of a program. The starter has one
//! thread, and no descriptors of jobs but for the moment in which it hands them on. It ends when the engine
//! closes its socket and the last supervisor has ended; one that somebody killed is replaced. That it waits for them brings their CPU times to
//! the engine and to whoever waits for the engine.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::error::plain;
use common::{Error, Result, exit};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

use super::ARGV0;
use super::fork::{OneThread, Side};
use super::keeper::{self, Heeded};
use super::request;
use crate::TOOL;
use crate::job::Launch;
use crate::output::{Hush, Sink};

/// How long an answer of the starter takes when something is wrong; it takes a fork.
const PATIENCE: Duration = Duration::from_millis(500);

/// The descriptors of a request.
const DESCRIPTORS: usize = 2;

/// The engine's side: the starter that runs. One that was killed is replaced by the next request.
#[derive(Debug)]
pub(crate) struct Starter(Mutex<Running>);

#[derive(Debug)]
struct Running {
    child: Child,
    /// Nothing once the starter is to end.
    socket: Option<UnixStream>,
    has_answered: bool,
}

impl Starter {
    /// Starts the starter.
    pub(crate) fn new() -> Result<Self> {
        let running = Running::new().map_err(|cause| Error::io("start", "supervisor", cause))?;
        Ok(Self(Mutex::new(running)))
    }

    /// Has `launch` started below a supervisor that talks over `socket`; gives the supervisor's number.
    pub(super) fn start(
        &self,
        launch: &Launch,
        grace: Duration,
        socket: BorrowedFd<'_>,
        output: BorrowedFd<'_>,
    ) -> io::Result<u32> {
        let request = request::encode(grace, launch)?;
        let mut starter = self.lock();
        match starter.ask(&request, [socket, output]) {
            // Whoever was gone before it had all of a request has started nothing by it. One that never
            // answered was not killed: it cannot do its work, nor could another.
            Err(cause) if is_gone(&cause) && starter.has_answered => {
                starter.replace()?;
                starter.ask(&request, [socket, output])
            }
            answer => answer,
        }
        .map_err(|cause| if is_gone(&cause) { gone() } else { cause })
    }

    /// Looks at something while no starter comes or goes: `look` is told its number.
    pub(crate) fn hold<T>(&self, look: impl FnOnce(u32) -> T) -> T {
        look(self.lock().child.id())
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Starter {
    /// Waits until all supervisors have ended.
    fn drop(&mut self) {
        self.lock().end();
    }
}

impl Running {
    fn new() -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = Command::new("/proc/self/exe")
            .arg0(ARGV0)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self {
            child,
            socket: Some(ours),
            has_answered: false,
        })
    }

    fn replace(&mut self) -> io::Result<()> {
        self.end();
        *self = Self::new()?;
        Ok(())
    }

    /// Has a request done; gives the supervisor's number.
    fn ask(
        &mut self,
        request: &[u8],
        descriptors: [BorrowedFd<'_>; DESCRIPTORS],
    ) -> io::Result<u32> {
        let mut socket = self.socket()?;
        send(socket, request, descriptors)?;
        self.wake_until_ready(socket)?;
        let mut answer = [0; 4];
        // Who is gone with something unread resets the connection; with nothing, it has an end.
        socket
            .read_exact(&mut answer)
            .map_err(|cause| if is_gone(&cause) { cause } else { gone() })?;
        self.has_answered = true;
        let answer = i32::from_le_bytes(answer);
        u32::try_from(answer).map_err(|_| io::Error::from_raw_os_error(-answer))
    }

    fn socket(&self) -> io::Result<&UnixStream> {
        self.socket.as_ref().ok_or_else(gone)
    }

    /// Waits for an answer. Somebody may have stopped the starter: who is to answer is to go on.
    fn wake_until_ready(&self, socket: &UnixStream) -> io::Result<()> {
        let patience = Timespec::try_from(PATIENCE).ok();
        loop {
            let mut fds = [PollFd::new(socket, PollFlags::IN)];
            match poll(&mut fds, patience.as_ref()) {
                Ok(0) => self.wake(),
                Err(Errno::INTR) => {}
                answer => return answer.map(drop).map_err(io::Error::from),
            }
        }
    }

    fn wake(&self) {
        let _gone = kill_process(Pid::from_child(&self.child), Signal::CONT);
    }

    fn end(&mut self) {
        drop(self.socket.take());
        self.wake();
        // One that was killed has nothing to say.
        let _ended = self.child.wait();
    }
}

fn gone() -> io::Error {
    io::Error::other("the process that starts supervisors is gone")
}

fn is_gone(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

fn send(
    mut starter: &UnixStream,
    request: &[u8],
    descriptors: [BorrowedFd<'_>; DESCRIPTORS],
) -> io::Result<()> {
    let length = u32::try_from(request.len())
        .map_err(|_| Errno::TOOBIG)?
        .to_le_bytes();
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    rights.push(SendAncillaryMessage::ScmRights(&descriptors));
    let sent = rustix::io::retry_on_intr(|| {
        sendmsg(
            starter,
            &[io::IoSlice::new(&length)],
            &mut rights,
            SendFlags::NOSIGNAL,
        )
    })?;
    // The rights went with the first byte.
    starter.write_all(&length[sent..])?;
    starter.write_all(request)
}

/// The starter itself. In the end this process is the starter, or one of the supervisors that it became.
pub(crate) fn run(words: impl Iterator<Item = OsString>) -> u8 {
    let started = match words.count() {
        0 => serve(),
        _ => Err(io::Error::other("started by hand")),
    };
    started.unwrap_or_else(|cause| {
        complain(&cause);
        exit::FOREACH_FAILED
    })
}

/// Says what is wrong where it is heard at once: the engine waits for our end.
fn complain(cause: &io::Error) {
    let said = Hush::new().and_then(|hush| {
        hush.ask();
        Sink::stderr(&hush)
    });
    if let Ok(stderr) = said {
        stderr.say(format_args!("{TOOL}: supervise: {}", plain(cause)));
    }
}

fn serve() -> io::Result<u8> {
    let alone = OneThread::new()?;
    // Out of the terminal's reach, as the supervisors are: a keyboard's signal is for the engine.
    rustix::process::setsid()?;
    let heeded = Heeded::read()?;
    heeded.survive()?;
    // Who looks for us by name finds nobody before.
    let _name = rustix::thread::set_name(c"py-foreach");
    let engine = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    while let Some((bytes, [socket, output])) = receive(&engine)? {
        let request = request::decode(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        let answer = match alone.split() {
            Ok(Side::Child) => {
                drop(engine);
                drop(bytes);
                // The streams of the starter are the engine's socket and the engine's own stderr.
                let null = File::options().read(true).write(true).open("/dev/null")?;
                rustix::stdio::dup2_stdin(&null)?;
                rustix::stdio::dup2_stderr(&null)?;
                return Ok(keeper::keep(request, socket.into(), output, &heeded));
            }
            Ok(Side::Parent(pid)) => pid.as_raw_nonzero().get(),
            Err(cause) => -cause.raw_os_error().unwrap_or(Errno::AGAIN.raw_os_error()),
        };
        drop((socket, output));
        // Where the engine is gone its end is read next.
        let _gone = (&engine).write_all(&answer.to_le_bytes());
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
    }
    drop(engine);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return Ok(exit::DONE),
        }
    }
}

/// A request and its descriptors; nothing once the engine is gone.
fn receive(mut engine: &UnixStream) -> io::Result<Option<(Vec<u8>, [OwnedFd; DESCRIPTORS])>> {
    let mut length = [0; 4];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let came = rustix::io::retry_on_intr(|| {
        let mut into = [io::IoSliceMut::new(&mut length)];
        recvmsg(engine, &mut into, &mut rights, RecvFlags::CMSG_CLOEXEC)
    })?;
    if came.bytes == 0 {
        return Ok(None);
    }
    let descriptors: Vec<OwnedFd> = rights
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        })
        .flatten()
        .collect();
    let read = engine.read_exact(&mut length[came.bytes..]).and_then(|()| {
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        engine.read_exact(&mut bytes).map(|()| bytes)
    });
    match (read, <[OwnedFd; DESCRIPTORS]>::try_from(descriptors)) {
        (Ok(bytes), Ok(descriptors)) => Ok(Some((bytes, descriptors))),
        // It died in the middle of a word.
        (Err(cause), _) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        (Err(cause), _) => Err(cause),
        (Ok(_), Err(_)) => Err(io::ErrorKind::InvalidData.into()),
    }
}
