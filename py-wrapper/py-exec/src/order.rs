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
    loop {
        let batch = Batch::read(&directory, below);
        for found in batch.found() {
            let name = found.name();
            match config.on(name) {
                _ if Some(name) == ordered => {}
                Some(Entry::Wanted(_)) => {}
                Some(_) => visitor.visit(name, Why::Disabled),
                None => visitor.visit(name, Why::There),
            }
            below = Some(found.rank);
        }
        if batch.count < BATCH {
            return;
        }
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
#[derive(Clone, Copy)]
struct Found {
    rank: Rank,
    name: [u8; LONGEST],
    length: usize,
}

impl Found {
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

/// How many implementations are kept of one reading of the directory. Of more, the rest is read anew.
const BATCH: usize = 32;

/// The most preferred implementations in a directory, in order.
struct Batch {
    found: [Option<Found>; BATCH],
    count: usize,
}

impl Batch {
    /// Those that are less preferred than `below`. A directory that cannot be read has none.
    fn read(directory: &Fd, below: Option<Rank>) -> Self {
        let mut batch = Self {
            found: [None; BATCH],
            count: 0,
        };
        let mut look = |name: &[u8]| {
            if let Some(rank) = Rank::of(name).filter(|rank| below.is_none_or(|b| *rank < b)) {
                batch.keep(Found::new(rank, name));
            }
        };
        if below.is_none() || directory.rewind().is_ok() {
            while directory.names(&mut look).unwrap_or(false) {}
        }
        batch
    }

    /// Puts it at its place; what is behind the last place falls out.
    fn keep(&mut self, new: Option<Found>) {
        let better =
            |there: &Option<Found>| there.is_some_and(|t| new.is_some_and(|n| t.rank > n.rank));
        let at = self.found.iter().take_while(|there| better(there)).count();
        if let Some(behind) = self.found.get_mut(at..).filter(|behind| !behind.is_empty()) {
            behind.rotate_right(1);
            behind[0] = new;
            self.count = (self.count + 1).min(BATCH);
        }
    }

    fn found(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_in_order_and_keeps_the_best() {
        let mut batch = Batch {
            found: [None; BATCH],
            count: 0,
        };
        // Every number up to 99 once, in an order that jumps about.
        for minor in (0..99).map(|n| n * 37 % 99) {
            let name = format!("python3.{minor}");
            batch.keep(Found::new(
                Rank::of(name.as_bytes()).unwrap(),
                name.as_bytes(),
            ));
        }
        let names: Vec<_> = batch
            .found()
            .map(|f| String::from_utf8_lossy(f.name()).into_owned())
            .collect();
        let best: Vec<_> = (99 - BATCH..99)
            .rev()
            .map(|minor| format!("python3.{minor}"))
            .collect();
        assert_eq!(names, best);
    }
}
