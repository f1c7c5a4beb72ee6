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

/// Takes every implementation that has its turn. For [`crate::dispatch`] the first that can run is the
/// last thing there is.
pub(crate) trait Visitor {
    /// The turn of `implementation`.
    fn visit(&mut self, implementation: &[u8], why: Why);
}

/// Visits the implementation that EPYTHON orders, and returns it. What names none is told and passed over.
pub(crate) fn ordered<'a>(
    root: &Path,
    epython: Option<&'a [u8]>,
    visitor: &mut impl Visitor,
) -> Option<&'a [u8]> {
    let ordered = epython.filter(|name| is_known(name, root))?;
    visitor.visit(ordered, Why::Ordered);
    Some(ordered)
}

/// Visits the implementations below `root` in order, without the one that had its turn already.
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
    while let Some(found) = next(&directory, below) {
        let name = found.name();
        match config.on(name) {
            _ if Some(name) == ordered => {}
            Some(Entry::Wanted(_)) => {}
            Some(_) => visitor.visit(name, Why::Disabled),
            None => visitor.visit(name, Why::There),
        }
        below = Some(found.rank);
    }
}

/// Whether EPYTHON names something that is in the script root; if not, it is said.
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
struct Found {
    rank: Rank,
    name: [u8; LONGEST],
    length: usize,
}

impl Found {
    fn name(&self) -> &[u8] {
        &self.name[..self.length]
    }
}

/// The most preferred implementation in the directory that is less preferred than `below`.
///
/// The directory is read anew for each, so that no number of them needs memory.
fn next(directory: &Fd, below: Option<Rank>) -> Option<Found> {
    let mut best: Option<Found> = None;
    directory.rewind().ok()?;
    let mut look = |name: &[u8]| {
        let Some(rank) = Rank::of(name) else { return };
        let better = best.as_ref().is_none_or(|best| rank > best.rank);
        if better && below.is_none_or(|below| rank < below) {
            let mut kept = [0; LONGEST];
            if let Some(room) = kept.get_mut(..name.len()) {
                room.copy_from_slice(name);
                best = Some(Found {
                    rank,
                    name: kept,
                    length: name.len(),
                });
            }
        }
    };
    while directory.names(&mut look).ok()? {}
    best
}
