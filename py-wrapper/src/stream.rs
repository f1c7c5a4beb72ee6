//! A stream of images: each record is passed on as soon as its image is wrapped.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use common::error::report as complain;
use common::record::{End, Reader, Writer};
use common::{Error, Result, exit};

use crate::session::{Session, TOOL};

/// Wraps the images of a stream and returns the exit status.
///
/// The record of an image that could not be wrapped is not passed on; the others are. If the stream is broken, or
/// another tool ended it with a failure, the images that it named are wrapped and the status is a failure.
pub(crate) fn run(session: &mut Session, source: &Path, end: End) -> u8 {
    filter(session, source, end).unwrap_or_else(|error| failed(&error))
}

fn filter(session: &mut Session, source: &Path, end: End) -> Result<u8> {
    let mut records = Reader::new(open(source)?, source.as_os_str(), end);
    let mut out = (!session.settings.dry_run).then(|| Writer::new(io::stdout()));
    let mut own = exit::DONE;
    let mut broken = None;
    for record in records.by_ref() {
        let Ok(record) = record.map_err(|error| broken = Some(error)) else {
            break;
        };
        let status = session.wrap(&record.implementation, &record.image);
        own = own.max(status);
        if let (exit::DONE, Some(out)) = (status, &mut out) {
            // Without a reader of our records there is nothing more to do.
            out.record(&record)?;
        }
    }
    let ended = broken.map_or_else(|| records.finish(), Err);
    let upstream = ended.unwrap_or_else(|error| {
        own = failed(&error);
        exit::DONE
    });
    if upstream != exit::DONE {
        let why = format!("the stream ends with status {upstream}");
        own = failed(&Error::refused("read records from", source, why));
    }
    if let Some(out) = out {
        out.end(if upstream == exit::DONE {
            own
        } else {
            upstream
        })?;
    }
    Ok(own)
}

/// Opens a file of records; `-` is standard input.
fn open(source: &Path) -> Result<BufReader<Box<dyn Read>>> {
    if source.as_os_str() == "-" {
        return Ok(BufReader::new(Box::new(io::stdin())));
    }
    let file = File::open(source).map_err(|cause| Error::io("open", source, cause))?;
    Ok(BufReader::new(Box::new(file)))
}

fn failed(error: &Error) -> u8 {
    complain(TOOL, [error]);
    exit::FAILED
}
