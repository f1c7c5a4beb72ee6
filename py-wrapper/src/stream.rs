//! A stream of images: each record is handed on as soon as its image is wrapped.

use std::io;
use std::path::Path;

use common::error::report as complain;
use common::record::{End, Reader, Writer};
use common::{Error, exit};

use crate::{Session, TOOL, open_stream};

/// Wraps the images of a stream and returns the exit status.
///
/// A record whose image could not be wrapped is not handed on; the others are. A stream that is
/// broken, or that another tool closed with a failure, is finished as far as it goes, and is a failure.
pub(crate) fn run(session: &mut Session, source: &Path, end: End) -> u8 {
    let input = match open_stream(source) {
        Ok(input) => input,
        Err(error) => return failed(&error),
    };
    let mut records = Reader::new(input, source.as_os_str(), end);
    let mut out = (!session.dry_run).then(|| Writer::new(io::stdout()));
    let mut own = exit::DONE;
    let mut broken = false;
    for record in records.by_ref() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                own = failed(&error);
                broken = true;
                break;
            }
        };
        let status = session.wrap(&record.implementation, &record.image);
        own = own.max(status);
        if let (exit::DONE, Some(out)) = (status, &mut out) {
            if let Err(error) = out.record(&record) {
                // Nobody reads what we would do.
                return failed(&error);
            }
        }
    }
    let upstream = match (broken, records) {
        (true, _) => Ok(exit::DONE),
        (false, records) => records.finish(),
    };
    let upstream = upstream.unwrap_or_else(|error| {
        own = failed(&error);
        exit::DONE
    });
    if upstream != exit::DONE {
        let why = format!("the stream ends with status {upstream}");
        own = failed(&Error::refused(
            "read records from",
            source.as_os_str(),
            why,
        ));
    }
    match out.map_or(Ok(()), |out| out.end(exit::handed_on(upstream, own))) {
        Ok(()) => own,
        Err(error) => failed(&error),
    }
}

fn failed(error: &Error) -> u8 {
    complain(TOOL, [error]);
    exit::FAILED
}
