//! The implementations from the most preferred on: EPYTHON, the configuration, then the rest.

use crate::config::{Config, Entry};
use crate::name::{LONGEST, Rank};
use crate::path::Path;
use crate::say;
use crate::sys::{self, Fd};

/// Why an implementation has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// EPYTHON orders it.
    Ordered,
    /// The configuration names it.
    Configured,
    /// It is there.
    There,
    /// It is there, and the configuration disables it: it has no turn.
    Disabled,
}

/// Is called with every implementation in turn. To dispatch, the first that can run ends the program.
pub(crate) trait Visitor {
    /// The turn of `implementation`.
    fn visit(&mut self, implementation: &[u8], why: Why);
}

/// Visits the implementation that EPYTHON orders, and returns it. A value that names none is reported and ignored.
pub(crate) fn ordered<'a>(
    root: &Path,
    epython: Option<&'a [u8]>,
    visitor: &mut impl Visitor,
) -> Option<&'a [u8]> {
    let ordered = epython.filter(|name| is_known(name, root))?;
    visitor.visit(ordered, Why::Ordered);
    Some(ordered)
}

/// Visits the implementations below `root` in order, but for the one that EPYTHON orders.
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
    let mut last = None;
    while let Some(next) = Ranked::best(&directory, last) {
        let name = next.name();
        match config.on(name) {
            _ if Some(name) == ordered => {}
            Some(Entry::Wanted(_)) => {}
            Some(_) => visitor.visit(name, Why::Disabled),
            None => visitor.visit(name, Why::There),
        }
        last = Some(next.rank);
    }
}

/// Whether EPYTHON names something that is in the script root. Reports it if not.
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
    fn new(rank: Rank, name: &[u8]) -> Option<Self> {
        let mut kept = [0; LONGEST];
        kept.get_mut(..name.len())?.copy_from_slice(name);
        let (name, length) = (kept, name.len());
        Some(Self { rank, name, length })
    }

    fn name(&self) -> &[u8] {
        &self.name[..self.length]
    }

    /// The most preferred implementation in a directory after the one with the rank `last`. A directory that cannot be
    /// read has none.
    ///
    /// Each turn reads the directory again: nothing is allocated, and mostly the first turn is the only one.
    fn best(directory: &Fd, last: Option<Rank>) -> Option<Self> {
        let mut best: Option<Self> = None;
        let mut look = |name: &[u8]| {
            let rank = Rank::of(name).filter(|rank| last.is_none_or(|last| *rank < last));
            if let Some(rank) = rank.filter(|rank| best.as_ref().is_none_or(|b| b.rank < *rank)) {
                best = Self::new(rank, name);
            }
        };
        if last.is_none() || directory.rewind().is_ok() {
            while directory.names(&mut look).unwrap_or(false) {}
        }
        best
    }
}
