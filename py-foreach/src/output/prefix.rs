//! `--output prefix`: whole lines as they come, the job's name before each.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The longest line that is held back for its end, in bytes; a longer one is shown in pieces.
const LONGEST: usize = 64 << 10;

/// The lines of one job.
#[derive(Debug)]
pub(crate) struct Lines {
    prefix: Vec<u8>,
    held: Vec<u8>,
}

impl Lines {
    /// `width` is that of the longest name, so that the lines stand below each other.
    pub(crate) fn new(name: &OsStr, width: usize) -> Self {
        let mut prefix = common::show::name(name).to_string().into_bytes();
        let padding = width.saturating_sub(name.as_bytes().len());
        prefix.resize(prefix.len() + padding, b' ');
        prefix.extend_from_slice(b" | ");
        Self {
            prefix,
            held: Vec::new(),
        }
    }

    /// The lines that `bytes` complete, as they are shown.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        // What is held has no end yet, so that only what is new can have one.
        let before = self.held.len();
        self.held.extend_from_slice(bytes);
        let whole = match bytes.iter().rposition(|&b| b == b'\n') {
            Some(at) => before + at + 1,
            None if self.held.len() >= LONGEST => self.held.len(),
            None => return Vec::new(),
        };
        let rest = self.held.split_off(whole);
        let lines = std::mem::replace(&mut self.held, rest);
        prefixed(&self.prefix, &lines)
    }

    /// The last line, if it had no newline.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            held
        } else {
            prefixed(&self.prefix, &held)
        }
    }
}

fn prefixed(prefix: &[u8], lines: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(lines.len() * 2);
    for line in lines.split_inclusive(|&b| b == b'\n') {
        text.extend_from_slice(prefix);
        text.extend_from_slice(line);
    }
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_bears_its_job() {
        assert_eq!(prefixed(b"x | ", b"a\n\nb"), b"x | a\nx | \nx | b\n");
    }
}
