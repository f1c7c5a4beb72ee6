//! The implementations from the most preferred on: EPYTHON, the configuration, then the rest.

use crate::config::{Config, Entry};
use crate::name::{LONGEST, Rank};
use crate::path::Path;
use crate::say;
use crate::sys::{self, Fd, Start};

/// Why an implementation is visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// EPYTHON names it.
    Epython,
    /// The configuration names it.
    Configured,
    /// It is in the script root.
    Present,
    /// It is in the script root, but the configuration disables it. It is not tried.
    Disabled,
}

/// Called with each implementation in order. For [`crate::dispatch`] the first one that can run is the last one.
type Visit<'a> = &'a mut dyn FnMut(&[u8], Why);

/// Visits the implementation that EPYTHON names, and returns it. A value that names none is reported and ignored.
pub(crate) fn epython(start: &Start, root: &Path, visit: Visit<'_>) -> Option<&'static [u8]> {
    let name = start.variable(b"EPYTHON")?;
    let path = Path::of(&[root.as_bytes(), b"/", name]);
    let is_dir = |path| sys::stat(path).is_ok_and(|stat| stat.is_dir());
    if Rank::of(name).is_none() || !path.c_str().is_some_and(is_dir) {
        say::warn(&[b"EPYTHON value invalid (", name, b")."]);
        return None;
    }
    visit(name, Why::Epython);
    Some(name)
}

/// Visits the implementations below `root` in order, without `visited`, which was visited already.
pub(crate) fn walk(root: &Path, visited: Option<&[u8]>, config: Config<'_>, visit: Visit<'_>) {
    for name in config.wanted().filter(|name| Some(*name) != visited) {
        visit(name, Why::Configured);
    }
    let Some(Ok(directory)) = root.c_str().map(sys::open_dir) else {
        return;
    };
    let mut below = None;
    loop {
        let batch = Batch::read(&directory, below);
        for found in batch.ranked.iter().flatten() {
            let name = found.name();
            match config.entry_on(name) {
                _ if Some(name) == visited => {}
                Some(Entry::Wanted(_)) => {}
                Some(_) => visit(name, Why::Disabled),
                None => visit(name, Why::Present),
            }
            below = Some(found.rank);
        }
        if batch.ranked.iter().any(Option::is_none) {
            return;
        }
    }
}

/// An implementation in the script root.
#[derive(Clone, Copy)]
struct Ranked {
    rank: Rank,
    name: [u8; LONGEST],
    length: usize,
}

impl Ranked {
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

/// How many implementations one reading of the directory keeps. If there are more, it is read again for the rest.
/// A reading for each was tried: with 12 implementations the start took 1.57 times its overhead.
const BATCH: usize = 32;

/// The most preferred implementations in a directory, in order.
struct Batch {
    ranked: [Option<Ranked>; BATCH],
}

impl Batch {
    /// Those that are less preferred than `below`. A directory that cannot be read has none.
    fn read(directory: &Fd, below: Option<Rank>) -> Self {
        let mut batch = Self {
            ranked: [None; BATCH],
        };
        let mut look = |name: &[u8]| {
            let rank = Rank::of(name).filter(|rank| below.is_none_or(|below| *rank < below));
            if let Some(ranked) = rank.and_then(|rank| Ranked::new(rank, name)) {
                batch.keep(ranked);
            }
        };
        if below.is_none() || directory.rewind().is_ok() {
            while directory.names(&mut look).unwrap_or(false) {}
        }
        batch
    }

    /// Inserts it at its position. The last one drops out of a full batch.
    fn keep(&mut self, new: Ranked) {
        let is_better = |there: &&Option<Ranked>| there.is_some_and(|there| there.rank > new.rank);
        let at = self.ranked.iter().take_while(is_better).count();
        if let Some(behind @ [_, ..]) = self.ranked.get_mut(at..) {
            behind.rotate_right(1);
            behind[0] = Some(new);
        }
    }
}
