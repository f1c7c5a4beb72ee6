//! The implementations from the most preferred on: EPYTHON, the configuration, then the rest.

use crate::config::{Config, Entry};
use crate::name::{LONGEST, Rank};
use crate::path::Path;
use crate::say;
use crate::sys::{self, Fd};

/// Why an implementation is visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// EPYTHON names it.
    Ordered,
    /// The configuration names it.
    Configured,
    /// It is there.
    There,
    /// It is there, but the configuration disables it. It is not tried.
    Disabled,
}

/// Visits the implementations in order. For [`crate::dispatch`] the first one that can run is the last one.
pub(crate) trait Visitor {
    /// Called with each implementation.
    fn visit(&mut self, implementation: &[u8], why: Why);
}

/// Visits the implementation that EPYTHON names, and returns it. A value that names none is reported and ignored.
pub(crate) fn ordered<'a>(
    root: &Path,
    epython: Option<&'a [u8]>,
    visitor: &mut impl Visitor,
) -> Option<&'a [u8]> {
    let ordered = epython.filter(|name| is_known(name, root))?;
    visitor.visit(ordered, Why::Ordered);
    Some(ordered)
}

/// Visits the implementations below `root` in order, without the one that was visited already.
pub(crate) fn walk(
    root: &Path,
    ordered: Option<&[u8]>,
    config: Config<'_>,
    visitor: &mut impl Visitor,
) {
    for name in config.wanted().filter(|name| Some(*name) != ordered) {
        visitor.visit(name, Why::Configured);
    }
    let Some(Ok(directory)) = root.c_str().map(sys::open_dir) else {
        return;
    };
    let mut below = None;
    // One reading of the directory for each. Nearly always the first one runs.
    while let Some(found) = Ranked::best(&directory, below) {
        let name = found.name();
        match config.entry_on(name) {
            _ if Some(name) == ordered => {}
            Some(Entry::Wanted(_)) => {}
            Some(_) => visitor.visit(name, Why::Disabled),
            None => visitor.visit(name, Why::There),
        }
        below = Some(found.rank);
    }
}

/// Whether EPYTHON names an implementation in the script root. If not, reports that.
fn is_known(name: &[u8], root: &Path) -> bool {
    let path = Path::of(&[root.as_bytes(), b"/", name]);
    let known = Rank::of(name).is_some()
        && path
            .c_str()
            .is_some_and(|path| sys::stat(path).is_ok_and(|stat| stat.is_dir()));
    if !known {
        say::warn(&[b"EPYTHON value invalid (", name, b")."]);
    }
    known
}

/// An implementation in the script root.
struct Ranked {
    rank: Rank,
    name: [u8; LONGEST],
    length: usize,
}

impl Ranked {
    /// The most preferred one in the directory that is less preferred than `below`. A directory that cannot be read
    /// has none.
    fn best(directory: &Fd, below: Option<Rank>) -> Option<Self> {
        directory.rewind().ok()?;
        let mut best: Option<Self> = None;
        let mut look = |name: &[u8]| {
            let rank = Rank::of(name).filter(|rank| below.is_none_or(|below| *rank < below));
            let rank = rank.filter(|rank| best.as_ref().is_none_or(|best| best.rank < *rank));
            if let Some(rank) = rank {
                best = Self::new(rank, name);
            }
        };
        while directory.names(&mut look).unwrap_or(false) {}
        best
    }

    fn new(rank: Rank, name: &[u8]) -> Option<Self> {
        let mut kept = [0; LONGEST];
        kept.get_mut(..name.len())?.copy_from_slice(name);
        Some(Self {
            rank,
            name: kept,
            length: name.len(),
        })
    }

    fn name(&self) -> &[u8] {
        &self.name[..self.length]
    }
}
