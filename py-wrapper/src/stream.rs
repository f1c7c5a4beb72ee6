//! A stream of images: each record is written as soon as its image is wrapped.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use common::error::report as complain;
use common::record::{End, Reader, Writer};
use common::{Error, Result, exit};

use crate::TOOL;
use crate::session::Session;

/// Wraps the images of a stream and returns the exit status.
///
/// The record of an image that could not be wrapped is not written; the others are. A stream that is broken, or that
/// another tool closed with a failure, is processed to its end, and is a failure.
pub(crate) fn run(session: &mut Session, source: &Path, end: End) -> u8 {
    let wrapped = open(source).and_then(|input| {
        let records = Reader::new(input, source.as_os_str(), end);
        wrap_all(session, records, source)
    });
    wrapped.unwrap_or_else(|error| failed(&error))
}

/// An error means that our own stream has no end line.
fn wrap_all(session: &mut Session, mut records: Reader<impl BufRead>, source: &Path) -> Result<u8> {
    let mut out = (!session.dry_run).then(|| Writer::new(io::stdout()));
    let mut own = exit::DONE;
    let mut upstream = None;
    for record in records.by_ref() {
        match record {
            Ok(record) => {
                let status = session.wrap(&record.implementation, &record.image);
                own = own.max(status);
                if let (exit::DONE, Some(out)) = (status, &mut out) {
                    // If nobody reads it, nobody wants the other images.
                    out.record(&record)?;
                }
            }
            Err(error) => {
                own = failed(&error);
                upstream = Some(exit::DONE);
            }
        }
    }
    let upstream = upstream.map_or_else(|| records.finish(), Ok);
    let upstream = upstream.unwrap_or_else(|error| {
        own = failed(&error);
        exit::DONE
    });
    if upstream != exit::DONE {
        let why = format!("the stream ends with status {upstream}");
        let source = source.as_os_str();
        own = failed(&Error::refused("read records from", source, why));
    }
    if let Some(out) = out {
        out.end(exit::handed_on(upstream, own))?;
    }
    Ok(own)
}

/// Opens a stream of records: a file, or standard input for `-`.
fn open(source: &Path) -> Result<Box<dyn BufRead>> {
    if source.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(source).map_err(|cause| Error::io("open", source, cause))?;
    Ok(Box::new(BufReader::new(file)))
}

fn failed(error: &Error) -> u8 {
    complain(TOOL, [error]);
    exit::FAILED
}
