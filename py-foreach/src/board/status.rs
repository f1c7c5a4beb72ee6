//! The answer to USR1: who runs, since when, and what each printed last.

use std::ffi::OsStr;
use std::sync::mpsc::Receiver;

use common::show;

use super::Subject;
use crate::TOOL;
use crate::output::Sink;

/// Tells it on `stderr` each time that it is asked for, until nobody can ask any more.
///
/// In a thread of its own: where nobody reads, this waits, and nothing else does.
pub(crate) fn answer(subject: Subject<'_>, stderr: &Sink, asked: &Receiver<()>) {
    for () in asked {
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
}
