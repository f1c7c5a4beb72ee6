//! A whole run: the images of the command line, or a stream of records.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use common::fs::Caller;
use common::record::{End, Reader};
use common::{Error, Interrupts, exit};

use crate::TOOL;
use crate::merge::Merger;
use crate::report::Report;
use crate::settings::{Settings, Source, Transactions};

/// Runs and reports. Returns the exit status.
pub(crate) fn run(settings: &Settings) -> u8 {
    let ready = Interrupts::watch()
        .and_then(|interrupts| Ok((interrupts, Caller::ask()?, Report::new(settings)?)));
    let (interrupts, caller, mut report) = match ready {
        Ok(ready) => ready,
        Err(error) => {
            common::error::report(TOOL, [&error]);
            return exit::FAILED;
        }
    };
    raise_descriptor_limit();
    let merger = Merger {
        settings,
        caller: &caller,
        interrupts: &interrupts,
    };
    match &settings.source {
        Source::Arguments(images) => {
            merge(&merger, &mut report, images);
        }
        Source::Stream {
            from,
            end,
            transactions,
        } => {
            if let Err(error) = stream(&merger, &mut report, (from, *end), *transactions) {
                report.error(&error);
            }
        }
    }
    report.finish()
}

/// A deep tree needs a handle for each directory on the way down.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    // If it stays low, a tree that is too deep is an error of its own.
    let _unraised = setrlimit(Resource::Nofile, limit);
}

/// One transaction. Returns whether it was done.
fn merge(merger: &Merger<'_>, report: &mut Report<'_>, images: &[PathBuf]) -> bool {
    let (result, hold) = if merger.settings.merge.dry_run {
        (merger.show(images), None)
    } else {
        merger.merge(images)
    };
    match &result {
        Ok(done) => report.merged(done),
        Err(failure) => report.failed(images, failure),
    }
    if let Some(signal) = merger.interrupts.pending() {
        report.interrupted(signal);
    }
    // Everything is reported. If a signal came, this ends the process by it.
    drop(hold);
    result.is_ok()
}

fn stream(
    merger: &Merger<'_>,
    report: &mut Report<'_>,
    (from, end): (&Path, End),
    transactions: Transactions,
) -> Result<(), Error> {
    let (input, name) = open(from)?;
    let mut reader = Reader::new(input, name.clone(), end);
    let mut waiting = Vec::new();
    for record in reader.by_ref() {
        let image = record?.image;
        if transactions == Transactions::All {
            waiting.push(image);
        } else if !merge(merger, report, &[image]) {
            // The writer of the stream gets a closed pipe.
            return Ok(());
        }
    }
    let status = reader.finish()?;
    if status != exit::DONE {
        let why = format!("it ended with status {status}");
        return Err(Error::refused("read records from", name, why));
    }
    if !waiting.is_empty() {
        merge(merger, report, &waiting);
    }
    Ok(())
}

/// The records, and the name of their file for messages.
fn open(from: &Path) -> Result<(Box<dyn BufRead>, OsString), Error> {
    if from.as_os_str() == "-" {
        let input = std::io::stdin().lock();
        return Ok((Box::new(input), "standard input".into()));
    }
    let file = File::open(from).map_err(|cause| Error::io("open", from, cause))?;
    Ok((Box::new(BufReader::new(file)), from.into()))
}
