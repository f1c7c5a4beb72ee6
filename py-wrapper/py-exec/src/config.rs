//! A configuration file: one implementation a line, the most preferred first.
//!
//! `#` in the first column begins a comment, `-` before a name disables it, and empty lines are ignored. Of several
//! lines on one implementation the first counts.

use crate::name::Rank;

/// The text of a configuration file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Config<'a>(pub(crate) &'a [u8]);

/// The meaning of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    /// This implementation is wanted.
    Wanted(&'a [u8]),
    /// This implementation is disabled.
    Disabled(&'a [u8]),
    /// The line names no implementation.
    Invalid(&'a [u8]),
}

impl<'a> Config<'a> {
    /// The lines that count, in their order.
    pub(crate) fn entries(self) -> impl Iterator<Item = Entry<'a>> {
        let said = |line: &&[u8]| !line.is_empty() && line[0] != b'#';
        self.0.split(|&b| b == b'\n').filter(said).map(Entry::of)
    }

    /// The implementations that are wanted, each once.
    pub(crate) fn wanted(self) -> impl Iterator<Item = &'a [u8]> {
        self.entries()
            .enumerate()
            .filter_map(move |(at, entry)| match entry {
                Entry::Wanted(name) if self.first(name) == Some(at) => Some(name),
                _ => None,
            })
    }

    /// The line that counts for an implementation.
    pub(crate) fn entry_on(self, name: &[u8]) -> Option<Entry<'a>> {
        self.entries().find(|entry| entry.is_on(name))
    }

    fn first(self, name: &[u8]) -> Option<usize> {
        self.entries().position(|entry| entry.is_on(name))
    }
}

impl<'a> Entry<'a> {
    fn of(line: &'a [u8]) -> Self {
        let disabled = line.strip_prefix(b"-");
        let name = disabled.unwrap_or(line);
        match (Rank::of(name), disabled) {
            (None, _) => Self::Invalid(line),
            (Some(_), Some(name)) => Self::Disabled(name),
            (Some(_), None) => Self::Wanted(name),
        }
    }

    fn is_on(self, name: &[u8]) -> bool {
        matches!(self, Self::Wanted(named) | Self::Disabled(named) if named == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b"# python3.9\n\npython3.12\n-python3.11\npython3.12\npython3.11\n #\n-python3.12\npypy3";

    #[test]
    fn the_first_line_on_an_implementation_counts() {
        let config = Config(TEXT);
        let wanted: Vec<_> = config.wanted().collect();
        assert_eq!(wanted, [&b"python3.12"[..], b"pypy3"]);
        assert_eq!(
            config.entry_on(b"python3.12"),
            Some(Entry::Wanted(b"python3.12"))
        );
        assert_eq!(
            config.entry_on(b"python3.11"),
            Some(Entry::Disabled(b"python3.11"))
        );
        assert_eq!(config.entry_on(b"python3.9"), None);
    }

    #[test]
    fn what_names_no_implementation_is_invalid() {
        let invalid = |e: &Entry<'_>| matches!(e, Entry::Invalid(_));
        let invalid: Vec<_> = Config(TEXT).entries().filter(invalid).collect();
        assert_eq!(invalid, [Entry::Invalid(b" #")]);
    }
}
