//! A Python that answered.

use std::ffi::OsString;
use std::path::PathBuf;

use common::Implementation;
use common::implementation::Family;

/// A Python that answered.
#[derive(Debug, Clone)]
pub(crate) struct Interpreter {
    pub(crate) implementation: Implementation,
    /// The absolute path that starts it.
    pub(crate) path: PathBuf,
    pub(crate) facts: Facts,
}

/// What an interpreter says of itself. A path that it does not have is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// With its full version: `pypy3.11`, never `pypy3`.
    pub(crate) implementation: Implementation,
    /// `3.12.1`.
    pub(crate) version: String,
    pub(crate) include: PathBuf,
    pub(crate) purelib: PathBuf,
    /// The library to link with.
    pub(crate) library: Option<PathBuf>,
    /// The program `python3.12-config`.
    pub(crate) config: Option<PathBuf>,
    /// Where its `.pc` files lie.
    pub(crate) pkgconfig: Option<PathBuf>,
    /// How it links extensions: the words of LDSHARED and LDCXXSHARED.
    pub(crate) ldshared: OsString,
    pub(crate) ldcxxshared: OsString,
    /// Where Debian's packages install (the scheme `deb_system`), if this is Debian's own interpreter.
    pub(crate) debian_purelib: Option<PathBuf>,
}

impl Facts {
    /// Whether `name` is a name of this interpreter: its own, or `pypy3` for any `PyPy` 3.
    pub(crate) fn bears(&self, name: &Implementation) -> bool {
        let line = |i: &Implementation| (i.family(), i.version().0);
        *name == self.implementation
            || (name.family() == Family::PyPy
                && name.version().1.is_none()
                && line(name) == line(&self.implementation))
    }
}

#[cfg(test)]
impl Facts {
    pub(crate) fn for_tests(implementation: &str) -> Self {
        Self {
            implementation: implementation.parse().unwrap(),
            version: format!(
                "{}.1",
                implementation.trim_start_matches(char::is_alphabetic)
            ),
            include: PathBuf::new(),
            purelib: PathBuf::new(),
            library: None,
            config: None,
            pkgconfig: None,
            ldshared: OsString::new(),
            ldcxxshared: OsString::new(),
            debian_purelib: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_pypy_of_the_line_bears_the_short_name() {
        let facts = Facts::for_tests("pypy3.11");
        for (name, expected) in [
            ("pypy3", true),
            ("pypy3.11", true),
            ("pypy3.10", false),
            ("pypy2", false),
            ("python3.11", false),
        ] {
            assert_eq!(facts.bears(&name.parse().unwrap()), expected, "{name}");
        }
    }
}
