//! Writes a stream of records.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use super::{END, Record};
use crate::{Error, Result};

/// Writes records, each flushed as soon as it is written, and the line that closes the stream.
///
/// Without [`Writer::end`] every reader reports a broken stream, which is right for a tool that dies.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Starts a stream on `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes `record`. It refuses a path that does not fit into a line; EPIPE if the reader is gone.
    pub fn record(&mut self, record: &Record) -> Result<()> {
        let image = record.image.as_os_str();
        let refused = |why: &str| Err(Error::refused("write record of", image, why));
        if !record.image.is_absolute() {
            return refused("is not an absolute path");
        }
        if image.as_bytes().iter().any(|byte| b"\t\n".contains(byte)) {
            return refused("a tab or newline cannot be in a record");
        }
        let name = record.implementation.to_string();
        self.line(&[name.as_bytes(), b"\t", image.as_bytes(), b"\n"].concat())
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
