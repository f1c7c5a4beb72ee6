//! One Python by name: `python3.12`, `python2.7`, `python3.13t`, `pypy3`.
//!
//! This is only the name. The tools that need the interpreter find its path themselves.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// A Python implementation as packagers name it. A value is always valid after parsing.
///
/// It has two spellings in Gentoo's eclasses: EPYTHON (`python3.12`, `pypy3.11`), which `Display` writes, and the
/// target (`python3_12`, `pypy3_11`), which [`Self::target`] returns.
///
/// Implementations are ordered from the least to the most preferred: `PyPy` before `CPython`, then by
/// version as numbers (3.9 before 3.10), a free-threaded build before the plain one.
// The order of the fields is the order of preference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Implementation {
    family: Family,
    major: u16,
    /// `pypy3` has none: it stands for every version 3.
    minor: Option<u16>,
    /// Whether it has the global interpreter lock, which is the plain build.
    is_locked: bool,
}

/// The project that makes the interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// `pypy3`, `pypy3.11`.
    PyPy,
    /// `python3.12`: the reference implementation.
    CPython,
}

/// A name of no implementation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName(String);

impl Implementation {
    /// The implementation of `family` with this version.
    #[must_use]
    pub fn new(family: Family, major: u16, minor: Option<u16>, free_threaded: bool) -> Self {
        Self {
            family,
            major,
            minor,
            is_locked: !free_threaded,
        }
    }

    /// The family of the interpreter.
    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// Major and minor version; the minor one is missing in `pypy3`.
    #[must_use]
    pub fn version(&self) -> (u16, Option<u16>) {
        (self.major, self.minor)
    }

    /// Whether this is a build without the global interpreter lock (`python3.13t`, PEP 703).
    #[must_use]
    pub fn is_free_threaded(&self) -> bool {
        !self.is_locked
    }

    /// The spelling of Gentoo's `PYTHON_TARGETS`: `python3_12`.
    #[must_use]
    pub fn target(&self) -> String {
        self.to_string().replace('.', "_")
    }

    /// The version as in the name, without the `t`: `3.12`, and `3` for `pypy3`.
    #[must_use]
    pub fn version_string(&self) -> String {
        match self.minor {
            Some(minor) => format!("{}.{minor}", self.major),
            None => self.major.to_string(),
        }
    }
}

impl Display for Implementation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let family = match self.family {
            Family::PyPy => "pypy",
            Family::CPython => "python",
        };
        let suffix = if self.is_locked { "" } else { "t" };
        write!(f, "{family}{}{suffix}", self.version_string())
    }
}

impl FromStr for Implementation {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        parse(name).ok_or_else(|| UnknownName(name.to_owned()))
    }
}

fn parse(name: &str) -> Option<Implementation> {
    let (family, rest) = match name.strip_prefix("pypy") {
        Some(rest) => (Family::PyPy, rest),
        None => (Family::CPython, name.strip_prefix("python")?),
    };
    let (version, free_threaded) = match rest.strip_suffix('t') {
        Some(version) => (version, true),
        None => (rest, false),
    };
    let (major, minor) = match version.split_once(['.', '_']) {
        Some((major, minor)) => (number(major)?, Some(number(minor)?)),
        None => (number(version)?, None),
    };
    // `python3` is a link to some CPython and not the name of one; PyPy has no free-threaded build.
    let named = match family {
        Family::PyPy => !free_threaded,
        Family::CPython => minor.is_some(),
    };
    named.then(|| Implementation::new(family, major, minor, free_threaded))
}

/// A decimal number of at most four digits in its canonical form: no sign, no leading zero.
fn number(digits: &str) -> Option<u16> {
    let number: u16 = digits.parse().ok()?;
    (number < 10_000 && number.to_string() == digits).then_some(number)
}

impl Display for UnknownName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} names no implementation (python3.12, python3_12, pypy3 do)",
            crate::show::name(&self.0)
        )
    }
}

impl std::error::Error for UnknownName {}

#[cfg(test)]
mod tests {
    use super::*;

    fn implementation(name: &str) -> Implementation {
        name.parse().unwrap()
    }

    #[test]
    fn both_spellings_are_read_and_each_is_written() {
        for (epython, target) in [
            ("python2.7", "python2_7"),
            ("python3.12", "python3_12"),
            ("python3.13t", "python3_13t"),
            ("pypy3", "pypy3"),
            ("pypy3.11", "pypy3_11"),
        ] {
            assert_eq!(implementation(epython), implementation(target));
            assert_eq!(implementation(target).to_string(), epython);
            assert_eq!(implementation(epython).target(), target);
        }
    }

    #[test]
    fn other_words_are_refused() {
        for word in [
            "",
            "python",
            "python3",
            "pypy",
            "pypy3t",
            "python3.",
            "python.3",
            "python3.012",
            "python3.10000",
            "python03.1",
            "python3.12.1",
            "python3.12tt",
            "python3.-1",
            "python3.99999",
            "jython2.7",
            "Python3.12",
            " python3.12",
            "python3.12\n",
            "python3_12_",
            "python3.+1",
        ] {
            assert!(word.parse::<Implementation>().is_err(), "{word:?}");
        }
    }

    #[test]
    fn the_order_is_from_least_to_most_preferred() {
        let declared = [
            "pypy3",
            "pypy3.10",
            "pypy3.11",
            "python2.7",
            "python3.9",
            "python3.10",
            "python3.13t",
            "python3.13",
            "python3.14t",
            "python3.14",
        ];
        let mut sorted: Vec<_> = declared.iter().rev().map(|n| implementation(n)).collect();
        sorted.sort();
        let names: Vec<_> = sorted.iter().map(ToString::to_string).collect();
        assert_eq!(names, declared);
    }

    #[test]
    fn a_version_is_its_numbers() {
        assert_eq!(implementation("python3.13t").version_string(), "3.13");
        assert_eq!(implementation("pypy3").version_string(), "3");
    }
}
