//! A whole run: the images of the command line as one transaction, or a stream of them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use common::record::{End, Reader};
use common::{Error, Interrupts, exit};

use crate::TOOL;
use crate::failure::Failure;
use crate::report::Report;
use crate::settings::{Settings, Source, Transactions as Cut};
use crate::transaction::Transactions;
use common::fs::Caller;

/// Runs and reports; the exit status comes back.
pub(crate) fn run(settings: &Settings) -> u8 {
    let ready = Interrupts::watch().and_then(|interrupts| {
        let caller = Caller::ask()?;
        Ok((interrupts, caller, Report::new(settings)?))
    });
    let (interrupts, caller, mut report) = match ready {
        Ok(ready) => ready,
        Err(error) => {
            common::error::report(TOOL, [&error]);
            return exit::FAILED;
        }
    };
    raise_descriptor_limit();
    let transactions = Transactions {
        settings,
        caller: &caller,
        interrupts: &interrupts,
    };
    match &settings.source {
        Source::Arguments(images) => {
            merge(&transactions, &mut report, &[], images);
        }
        Source::Stream {
            from,
            end,
            transactions: cut,
        } => stream(&transactions, &mut report, from, *end, *cut),
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
    // Where it may not be raised, a tree that is too deep says so by itself.
    let _unraised = setrlimit(Resource::Nofile, limit);
}

/// One transaction; tells whether it was done.
///
/// A dry run is told what was merged before, for in DEST it cannot see that.
fn merge(
    transactions: &Transactions<'_>,
    report: &mut Report<'_>,
    before: &[PathBuf],
    images: &[PathBuf],
) -> bool {
    let (result, hold) = if transactions.settings.merge.dry_run {
        (transactions.show(before, images), None)
    } else {
        transactions.run(images)
    };
    match &result {
        Ok(done) => report.done(done),
        Err(failure) => report.failed(images, failure),
    }
    if let Some(signal) = transactions.interrupts.pending() {
        report.break_off(signal);
    }
    // All is said: a signal that came may end us.
    drop(hold);
    result.is_ok()
}

fn stream(
    transactions: &Transactions<'_>,
    report: &mut Report<'_>,
    from: &Path,
    end: End,
    cut: Cut,
) {
    let input: Box<dyn BufRead> = if from.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        match File::open(from) {
            Ok(file) => Box::new(BufReader::new(file)),
            Err(cause) => return report.error(Error::io("open", from, cause)),
        }
    };
    let name = if from.as_os_str() == "-" {
        "standard input".into()
    } else {
        from.as_os_str().to_owned()
    };
    let mut reader = Reader::new(input, name.clone(), end);
    let (mut before, mut waiting) = (Vec::new(), Vec::new());
    for record in reader.by_ref() {
        match record {
            Ok(record) if cut == Cut::All => waiting.push(record.image),
            // The first refusal stops the stream: whoever writes it finds the pipe closed.
            Ok(record) => {
                let image = [record.image];
                if !merge(transactions, report, &before, &image) {
                    return;
                }
                before.extend(image);
            }
            Err(error) => return report.error(error),
        }
    }
    let status = match reader.finish() {
        Ok(status) => status,
        Err(error) => return report.error(error),
    };
    if status != exit::DONE {
        let why = format!("it ended with status {status}");
        report.error(Error::refused("read records from", name, why));
        if cut == Cut::All {
            return;
        }
    }
    if !waiting.is_empty() {
        merge(transactions, report, &[], &waiting);
    }
}

/// What a failure comes to when nothing else is known of it.
pub(crate) fn errors_of(failure: &Failure) -> Vec<&Error> {
    match failure {
        Failure::Refused(errors) | Failure::Failed(errors) => errors.iter().collect(),
        Failure::Conflicts(_) | Failure::Interrupted => Vec::new(),
    }
}
