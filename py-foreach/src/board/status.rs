//! The answer to USR1: who runs, since when, and what each printed last.

use std::ffi::OsStr;
use std::sync::mpsc::Receiver;

use common::show;

use super::{Screen, Subject};
use crate::TOOL;
use crate::output::Sink;

/// Tells it on `stderr` each time that it is asked for, until nobody can ask any more. A board that stands
/// there, on `screen`, gives way.
///
/// In a thread of its own: where nobody reads, this waits, and nothing else does.
pub(crate) fn answer(
    subject: Subject<'_>,
    stderr: &Sink,
    screen: Option<&Screen<'_>>,
    asked: &Receiver<()>,
) {
    for () in asked {
        match screen {
            Some(screen) => screen.give_way(|| tell(subject, stderr)),
            None => tell(subject, stderr),
        }
    }
}

fn tell(subject: Subject<'_>, stderr: &Sink) {
    for (index, since) in subject.running() {
        let name: &OsStr = &subject.jobs[index].name;
        stderr.say(format_args!(
            "{TOOL}: {}: runs for {} s, printed last: {}",
            show::name(name),
            since.elapsed().as_secs(),
            show::name(subject.last_line(index, 4096).trim_end()),
        ));
    }
}
