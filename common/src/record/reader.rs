//! Reads a stream of records, each line as soon as it arrives.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{BufRead, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::{END, Record};
use crate::{Error, Implementation, Result, show};

/// The longest line that is read, in bytes: a path of `PATH_MAX` and room for the name.
const LONGEST_LINE: u64 = 8192;

/// How a stream has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With a line `end<TAB>STATUS`. Without it the stream is broken.
    Required,
    /// Without that line, too: a stream that was made by hand (`--no-end`).
    Optional,
}

/// Reads the records of a stream.
///
/// It is an iterator over the records. After the first error it ends. Then [`Reader::finish`] returns the status at the
/// end of the stream.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    source: OsString,
    end: End,
    line: usize,
    seen: HashSet<Implementation>,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    Ended(u8),
    Stopped,
    Broken,
}

impl<R: BufRead> Reader<R> {
    /// Reads from `input`; `source` is its name in messages.
    pub fn new(input: R, source: impl Into<OsString>, end: End) -> Self {
        Self {
            input,
            source: source.into(),
            end,
            line: 0,
            seen: HashSet::new(),
            state: State::Open,
        }
    }

    /// The status that the stream was closed with. An error if the `end` line is missing and [`End::Required`].
    ///
    /// # Panics
    /// If the iterator was not run to its end.
    pub fn finish(self) -> Result<u8> {
        match self.state {
            State::Ended(status) => Ok(status),
            State::Stopped if self.end == End::Optional => Ok(0),
            State::Stopped => Err(self.wrong("the stream stops without its end line")),
            State::Broken => Err(self.wrong("the stream is broken")),
            State::Open => panic!("the records of the stream were not read to the end"),
        }
    }

    fn next_record(&mut self) -> Result<Option<Record>> {
        let Some(line) = self.read_line()? else {
            self.state = State::Stopped;
            return Ok(None);
        };
        let Some(tab) = line.iter().position(|&byte| byte == b'\t') else {
            return Err(self.wrong("a record has no tab"));
        };
        let (name, value) = (&line[..tab], &line[tab + 1..]);
        if name == END.as_bytes() {
            self.state = State::Ended(self.status(value)?);
            return match self.read_line()? {
                None => Ok(None),
                Some(_) => Err(self.wrong("something follows the end line")),
            };
        }
        self.record(name, value).map(Some)
    }

    /// The next line without its newline; `None` at the end of the input.
    fn read_line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.line += 1;
        (&mut self.input)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|cause| Error::io("read records from", &self.source, cause))?;
        match line.pop() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(line)),
            Some(_) if line.len() as u64 + 1 == LONGEST_LINE => {
                Err(self.wrong("a record is too long"))
            }
            Some(_) => Err(self.wrong("the last line has no newline")),
        }
    }

    fn status(&self, digits: &[u8]) -> Result<u8> {
        let text = std::str::from_utf8(digits).unwrap_or_default();
        let canonical = !text.starts_with('+');
        let status = text.parse().ok().filter(|_| canonical);
        status.ok_or_else(|| self.wrong("the status at the end is not a number from 0 to 255"))
    }

    fn record(&mut self, name: &[u8], path: &[u8]) -> Result<Record> {
        let implementation: Implementation = std::str::from_utf8(name)
            .ok()
            .and_then(|name| name.parse().ok())
            .ok_or_else(|| {
                let shown = OsString::from_vec(name.to_vec());
                self.wrong(&format!("{} names no implementation", show::name(&shown)))
            })?;
        let image = PathBuf::from(OsString::from_vec(path.to_vec()));
        if !image.is_absolute() || path.contains(&b'\t') || path.contains(&0) {
            return Err(self.wrong(&format!("{} is not an absolute path", show::path(&image))));
        }
        if !self.seen.insert(implementation.clone()) {
            return Err(self.wrong(&format!("{implementation} comes twice")));
        }
        Ok(Record {
            implementation,
            image,
        })
    }

    fn wrong(&self, why: &str) -> Error {
        Error::refused(
            "read records from",
            self.source.clone(),
            format!("line {}: {why}", self.line),
        )
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        if !matches!(self.state, State::Open) {
            return None;
        }
        let next = self.next_record();
        if next.is_err() {
            self.state = State::Broken;
        }
        next.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, end: End) -> (Vec<String>, Result<u8, String>) {
        let mut reader = Reader::new(text.as_bytes(), "-", end);
        let mut seen = Vec::new();
        for record in reader.by_ref() {
            match record {
                Ok(r) => seen.push(format!("{} {}", r.implementation, r.image.display())),
                Err(error) => return (seen, Err(error.to_string())),
            }
        }
        (seen, reader.finish().map_err(|error| error.to_string()))
    }

    #[test]
    fn records_and_status_are_read() {
        let (seen, status) = read("python3.11\t/a\npypy3\t/b c\nend\t4\n", End::Required);
        assert_eq!(seen, ["python3.11 /a", "pypy3 /b c"]);
        assert_eq!(status, Ok(4));
    }

    #[test]
    fn a_stream_without_end_is_broken_unless_it_was_made_by_hand() {
        let (seen, status) = read("python3.11\t/a\n", End::Required);
        assert_eq!(seen, ["python3.11 /a"]);
        assert!(status.unwrap_err().contains("without its end line"));
        assert_eq!(read("python3.11\t/a\n", End::Optional).1, Ok(0));
        assert_eq!(read("", End::Optional).1, Ok(0));
        assert!(read("", End::Required).1.is_err());
    }

    #[test]
    fn each_malformed_line_is_named() {
        for (text, word) in [
            ("python3.11 /a\n", "line 1: a record has no tab"),
            ("\n", "line 1: a record has no tab"),
            ("python3.11\t/a\npython3\t/b\n", "line 2: python3 names no"),
            ("python3.11\ta\n", "line 1: a is not an absolute path"),
            ("python3.11\t\n", "line 1: '' is not an absolute path"),
            ("python3.11\t/a\tb\n", "is not an absolute path"),
            (
                "python3.11\t/a\npython3_11\t/b\n",
                "line 2: python3.11 comes twice",
            ),
            ("python3.11\t/a", "line 1: the last line has no newline"),
            ("end\t0", "the last line has no newline"),
            ("end\t256\n", "not a number from 0 to 255"),
            ("end\t+1\n", "not a number from 0 to 255"),
            ("end\t\n", "not a number from 0 to 255"),
            ("end\n", "line 1: a record has no tab"),
            (
                "end\t0\npython3.11\t/a\n",
                "line 2: something follows the end line",
            ),
        ] {
            let wrong = read(text, End::Required).1.unwrap_err();
            assert!(wrong.contains(word), "{text:?}: {wrong}");
        }
        let long = format!("python3.11\t/{}\n", "x".repeat(9000));
        assert!(
            read(&long, End::Required)
                .1
                .unwrap_err()
                .contains("too long")
        );
    }

    #[test]
    fn what_stands_before_a_fault_is_given() {
        let (seen, status) = read("python3.11\t/a\nnonsense\n", End::Required);
        assert_eq!(seen, ["python3.11 /a"]);
        assert!(status.is_err());
    }
}
