//! Names of implementations, and their order of preference.
//!
//! `common::Implementation` is the same for the other tools, which have an allocator. A test compares the two.

/// The preference of an implementation: the newest `CPython` is the greatest, a free-threaded build comes
/// right after the plain one, `PyPy` is the least. Different names have different ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(u64);

/// The length of the longest name, `python9999.9999t`.
pub(crate) const LONGEST: usize = 16;

impl Rank {
    /// The rank of `name`; `None` if it names no implementation.
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        let (family, version) = match name.strip_prefix(b"python") {
            Some(version) => (1, version),
            None => (0, name.strip_prefix(b"pypy")?),
        };
        let (version, plain) = match version.strip_suffix(b"t") {
            Some(version) => (version, 0),
            None => (version, 1),
        };
        let (major, minor) = match version.iter().position(|&b| b == b'.') {
            Some(dot) => (number(&version[..dot])?, 1 + number(&version[dot + 1..])?),
            None => (number(version)?, 0),
        };
        // `python3` is a link to some CPython; PyPy has no free-threaded build.
        let named = if family == 1 { minor > 0 } else { plain == 1 };
        named.then_some(Self(
            ((family * 10_000 + major) * 10_001 + minor) * 2 + plain,
        ))
    }
}

/// A decimal number of at most four digits in its one form.
fn number(digits: &[u8]) -> Option<u64> {
    let leading = digits.len() > 1 && digits[0] == b'0';
    if digits.is_empty() || digits.len() > 4 || leading {
        return None;
    }
    digits.iter().try_fold(0, |sum, digit| match digit {
        b'0'..=b'9' => Some(sum * 10 + u64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_cpython_is_the_greatest() {
        let names = [
            "pypy2",
            "pypy3",
            "pypy3.0",
            "pypy3.9",
            "pypy3.11",
            "python2.7",
            "python3.9",
            "python3.10",
            "python3.13t",
            "python3.13",
            "python3.14t",
            "python3.14",
        ];
        let ranks: Vec<_> = names
            .iter()
            .map(|n| Rank::of(n.as_bytes()).unwrap())
            .collect();
        assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]), "{ranks:?}");
    }

    #[test]
    fn other_words_name_none() {
        for word in [
            "",
            "python",
            "python3",
            "python3.",
            "python.3",
            "python3.012",
            "python3.12.1",
            "pypy",
            "pypy3t",
            "python3.12tt",
            "jython2.7",
            "python3.12x",
            "../python3.12",
            "python3_12",
            "Python3.12",
            "python3.99999",
            "py-exec2",
            "python3.-1",
            "python3.1 ",
        ] {
            assert_eq!(Rank::of(word.as_bytes()), None, "{word:?}");
        }
    }

    /// Words of every shape that is a name, and of many that nearly are.
    fn words() -> Vec<String> {
        let numbers = [
            "", "0", "00", "2", "3", "9", "10", "03", "9999", "10000", "65535", "65536", "-1",
            "+3", " 3", "3.1",
        ];
        let mut words = Vec::new();
        for family in [
            "python",
            "pypy",
            "Python",
            "jython",
            "",
            "../python",
            " pypy",
        ] {
            for major in numbers {
                for dot in ["", ".", "..", ","] {
                    for minor in numbers {
                        for end in ["", "t", "tt", "x", " ", "\n"] {
                            words.push(format!("{family}{major}{dot}{minor}{end}"));
                        }
                    }
                }
            }
        }
        words
    }

    #[test]
    fn the_other_tools_read_and_order_the_same_names() {
        let mut names = Vec::new();
        for word in words() {
            let rank = Rank::of(word.as_bytes());
            let other = word.parse::<common::Implementation>().ok();
            assert_eq!(rank.is_some(), other.is_some(), "{word:?}");
            if let (Some(rank), Some(other)) = (rank, other) {
                assert_eq!(other.to_string(), word);
                assert!(word.len() <= LONGEST, "{word}");
                names.push((rank, other));
            }
        }
        assert!(names.len() > 100, "{}", names.len());
        for (rank, other) in &names {
            for (rank_2, other_2) in &names {
                assert_eq!(rank.cmp(rank_2), other.cmp(other_2), "{other} {other_2}");
            }
        }
    }
}
