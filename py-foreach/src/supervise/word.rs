//! What an engine and a supervisor say to each other: two bytes down, one line up.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

/// What the engine orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Hand this signal on to the whole tree.
    Forward(i32),
    /// End the tree: this signal, then TERM to those that stay, then KILL after the grace.
    End(i32),
    /// End the tree by KILL.
    Kill,
    /// The job's output is complete: name what is left of the tree, and leave it alone.
    Finish,
}

impl Order {
    /// The order as it goes down the socket.
    pub(crate) fn encode(self) -> [u8; 2] {
        // A signal's number is at most 64.
        let small = |signal: i32| u8::try_from(signal).unwrap_or(0);
        match self {
            Self::Forward(signal) => [b'f', small(signal)],
            Self::End(signal) => [b'e', small(signal)],
            Self::Kill => [b'k', 0],
            Self::Finish => [b'.', 0],
        }
    }

    /// Reads what [`Self::encode`] wrote.
    pub(crate) fn decode(bytes: [u8; 2]) -> Option<Self> {
        match bytes {
            [b'f', signal] => Some(Self::Forward(signal.into())),
            [b'e', signal] => Some(Self::End(signal.into())),
            [b'k', _] => Some(Self::Kill),
            [b'.', _] => Some(Self::Finish),
            _ => None,
        }
    }
}

/// How the command itself ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Status(u8),
    Signal(i32),
}

/// What the processes of a tree used, all that were waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// The largest resident size of any one process, in bytes.
    pub(crate) largest: u64,
}

/// A process that outlived its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Daemon {
    pub(crate) pid: i32,
    pub(crate) name: OsString,
}

/// What the supervisor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// The command itself has ended; others of its tree may still run.
    Exited(Exit),
    /// This process is left, and stays.
    Left(Daemon),
    /// The last word.
    Done(Usage),
}

impl Word {
    /// The word as a line, newline included.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut line = match self {
            Self::Exited(Exit::Status(status)) => format!("status {status}").into_bytes(),
            Self::Exited(Exit::Signal(signal)) => format!("signal {signal}").into_bytes(),
            Self::Done(usage) => {
                let (user, system) = (usage.user.as_micros(), usage.system.as_micros());
                format!("done {user} {system} {}", usage.largest).into_bytes()
            }
            Self::Left(daemon) => {
                let mut line = format!("left {} ", daemon.pid).into_bytes();
                // A name comes from the kernel; a newline in it must not end the line.
                let name = daemon.name.as_bytes().iter();
                line.extend(name.map(|&b| if b == b'\n' { b'?' } else { b }));
                line
            }
        };
        line.push(b'\n');
        line
    }

    /// Reads a line of [`Self::encode`] without its newline.
    pub(crate) fn decode(line: &[u8]) -> Option<Self> {
        let (word, rest) = split(line)?;
        let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<u64>().ok();
        match word {
            b"status" => Some(Self::Exited(Exit::Status(number(rest)?.try_into().ok()?))),
            b"signal" => Some(Self::Exited(Exit::Signal(number(rest)?.try_into().ok()?))),
            b"left" => {
                let (pid, name) = split(rest)?;
                Some(Self::Left(Daemon {
                    pid: number(pid)?.try_into().ok()?,
                    name: OsString::from_vec(name.to_vec()),
                }))
            }
            b"done" => {
                let (user, rest) = split(rest)?;
                let (system, largest) = split(rest)?;
                Some(Self::Done(Usage {
                    user: Duration::from_micros(number(user)?),
                    system: Duration::from_micros(number(system)?),
                    largest: number(largest)?,
                }))
            }
            _ => None,
        }
    }
}

fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|&b| b == b' ')?;
    Some((&line[..at], &line[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_arrive_as_they_were_given() {
        for order in [
            Order::Forward(20),
            Order::End(2),
            Order::Kill,
            Order::Finish,
        ] {
            assert_eq!(Order::decode(order.encode()), Some(order));
        }
        assert_eq!(Order::decode([0, 0]), None);
    }

    #[test]
    fn words_arrive_as_they_were_said() {
        let daemon = Daemon {
            pid: 12,
            name: "a b".into(),
        };
        let usage = Usage {
            user: Duration::from_micros(1_500_001),
            system: Duration::from_micros(3),
            largest: 4096,
        };
        for word in [
            Word::Exited(Exit::Status(3)),
            Word::Exited(Exit::Signal(9)),
            Word::Left(daemon),
            Word::Done(usage),
        ] {
            let line = word.encode();
            let (end, line) = line.split_last().unwrap();
            assert_eq!(*end, b'\n');
            assert_eq!(Word::decode(line), Some(word));
        }
        assert_eq!(Word::decode(b"status x"), None);
    }
}
