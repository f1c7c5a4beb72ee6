//! What py-foreach and a supervisor send each other: two bytes down, one line up.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;

/// An order to a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Hand this signal on to the whole tree.
    Forward(Signal),
    /// End the tree: this signal, then TERM to those that stay, then KILL after the grace.
    End(Signal),
    /// The job's output is complete: name what is left of the tree, and leave it alone.
    Finish,
}

impl Order {
    /// The order as it goes down the socket.
    pub(crate) fn encode(self) -> [u8; 2] {
        // A signal's number is at most 64.
        let small = |signal: Signal| u8::try_from(signal.as_raw()).unwrap_or(0);
        match self {
            Self::Forward(signal) => [b'f', small(signal)],
            Self::End(signal) => [b'e', small(signal)],
            Self::Finish => [b'.', 0],
        }
    }

    /// Reads what [`Self::encode`] wrote.
    pub(crate) fn decode([kind, signal]: [u8; 2]) -> Option<Self> {
        let signal = Signal::from_named_raw(signal.into());
        match kind {
            b'f' => signal.map(Self::Forward),
            b'e' => signal.map(Self::End),
            b'.' => Some(Self::Finish),
            _ => None,
        }
    }
}

/// What the processes of a tree used: all that were waited for.
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
    pub(crate) name: String,
}

/// What a supervisor reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobEvent {
    /// The command itself has ended; others of its tree may still run.
    Exited(ExitStatus),
    /// This process is left, and stays.
    Left(Daemon),
    /// The last event.
    Done(Usage),
}

impl JobEvent {
    /// The event as a line, newline included.
    pub(crate) fn encode(&self) -> String {
        match self {
            Self::Exited(status) => format!("exited {}\n", status.into_raw()),
            Self::Left(daemon) => {
                // The name comes from the kernel; a newline in it must not end the line.
                format!("left {} {}\n", daemon.pid, daemon.name.replace('\n', "?"))
            }
            Self::Done(usage) => {
                let (user, system) = (usage.user.as_micros(), usage.system.as_micros());
                format!("done {user} {system} {}\n", usage.largest)
            }
        }
    }

    /// Reads a line of [`Self::encode`] without its newline.
    pub(crate) fn decode(line: &str) -> Option<Self> {
        let (kind, rest) = line.split_once(' ')?;
        match kind {
            "exited" => Some(Self::Exited(ExitStatus::from_raw(rest.parse().ok()?))),
            "left" => {
                let (pid, name) = rest.split_once(' ')?;
                let (pid, name) = (pid.parse().ok()?, name.to_owned());
                Some(Self::Left(Daemon { pid, name }))
            }
            "done" => {
                let numbers: Option<Vec<u64>> = rest.split(' ').map(|n| n.parse().ok()).collect();
                let [user, system, largest] = *numbers?.as_slice() else {
                    return None;
                };
                Some(Self::Done(Usage {
                    user: Duration::from_micros(user),
                    system: Duration::from_micros(system),
                    largest,
                }))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_decoded_as_it_was_encoded() {
        for order in [
            Order::Forward(Signal::TSTP),
            Order::End(Signal::INT),
            Order::Finish,
        ] {
            assert_eq!(Order::decode(order.encode()), Some(order));
        }
        assert_eq!(Order::decode([0, 0]), None);
    }

    #[test]
    fn an_event_is_decoded_as_it_was_encoded() {
        let name = "a b".to_owned();
        let usage = Usage {
            user: Duration::from_micros(1_500_001),
            system: Duration::from_micros(3),
            largest: 4096,
        };
        for event in [
            JobEvent::Exited(ExitStatus::from_raw(3 << 8)),
            JobEvent::Exited(ExitStatus::from_raw(9)),
            JobEvent::Left(Daemon { pid: 12, name }),
            JobEvent::Done(usage),
        ] {
            let line = event.encode();
            let line = line.strip_suffix('\n').unwrap();
            assert_eq!(JobEvent::decode(line), Some(event));
        }
        for line in ["exited x", "done 1 2", "done 1 2 3 4", "gone 1"] {
            assert_eq!(JobEvent::decode(line), None, "{line}");
        }
    }
}
