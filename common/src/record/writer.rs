//! Writes a stream of records.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use super::{END, Record};
use crate::{Error, Result};

/// Writes records, each flushed as soon as it is written, and the line that closes the stream.
///
/// A writer that is dropped without [`Writer::end`] leaves a stream that every reader takes for broken,
/// which is right for a tool that dies.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Starts a stream on `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// Hands `record` on.
    ///
    /// # Errors
    /// A path that a line cannot hold is refused; a reader that is gone is the system's EPIPE.
    pub fn record(&mut self, record: &Record) -> Result<()> {
        let path = record.image.as_os_str().as_bytes();
        if !record.image.is_absolute() {
            return Err(refused(record, "is not an absolute path"));
        }
        if path.iter().any(|byte| matches!(byte, b'\t' | b'\n')) {
            return Err(refused(record, "a tab or newline cannot be in a record"));
        }
        let mut line = record.implementation.to_string().into_bytes();
        line.push(b'\t');
        line.extend_from_slice(path);
        line.push(b'\n');
        self.line(&line)
    }

    /// Closes the stream with the writer's exit status.
    pub fn end(mut self, status: u8) -> Result<()> {
        self.line(format!("{END}\t{status}\n").as_bytes())
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        let written = self.out.write_all(line).and_then(|()| self.out.flush());
        written.map_err(|cause: io::Error| Error::io("write record to", "standard output", cause))
    }
}

fn refused(record: &Record, why: &str) -> Error {
    Error::refused("write record of", record.image.as_os_str(), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(image: &str) -> Record {
        Record {
            implementation: "python3_12".parse().unwrap(),
            image: image.into(),
        }
    }

    #[test]
    fn a_stream_is_lines_and_an_end() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.record(&record("/i/python3.12")).unwrap();
        writer.end(3).unwrap();
        assert_eq!(out, b"python3.12\t/i/python3.12\nend\t3\n");
    }

    #[test]
    fn a_path_that_breaks_a_line_is_refused_and_nothing_written() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        for image in ["/a\tb", "/a\nb", "relative"] {
            assert!(writer.record(&record(image)).is_err(), "{image:?}");
        }
        assert!(out.is_empty());
    }
}
