//! Joins sorted listings name by name.

use std::ffi::CStr;

use common::fs::Listing;
use common::fs::listing::Entry;

/// Walks sorted listings side by side: each name once, in order.
#[derive(Debug)]
pub(crate) struct MergeNames<'a> {
    sides: &'a [Listing],
    cursors: Vec<usize>,
}

impl<'a> MergeNames<'a> {
    pub(crate) fn new(sides: &'a [Listing]) -> Self {
        Self {
            sides,
            cursors: vec![0; sides.len()],
        }
    }

    /// Puts the next name and the sides that have it into `has`, in the order of the sides.
    pub(crate) fn next_into(&mut self, has: &mut Vec<(usize, Entry<'a>)>) -> Option<&'a CStr> {
        has.clear();
        let heads = self.sides.iter().zip(&self.cursors);
        let heads = heads.filter_map(|(side, &cursor)| side.get(cursor));
        let name = heads.map(|entry| entry.name).min()?;
        for (at, (side, cursor)) in self.sides.iter().zip(&mut self.cursors).enumerate() {
            if let Some(entry) = side.get(*cursor).filter(|entry| entry.name == name) {
                has.push((at, entry));
                *cursor += 1;
            }
        }
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(names: &[&CStr]) -> Listing {
        let mut listing = Listing::default();
        for name in names {
            listing.push(name, 1, None);
        }
        listing.sort();
        listing
    }

    #[test]
    fn each_name_comes_once_with_its_sides() {
        let sides = [
            listing(&[c"a", c"c"]),
            listing(&[]),
            listing(&[c"b", c"c", c"d"]),
        ];
        let mut names = MergeNames::new(&sides);
        let (mut joined, mut has) = (Vec::new(), Vec::new());
        while let Some(name) = names.next_into(&mut has) {
            let sides: Vec<usize> = has.iter().map(|(side, _)| *side).collect();
            joined.push((name, sides));
        }
        assert_eq!(
            joined,
            [
                (c"a", vec![0]),
                (c"b", vec![2]),
                (c"c", vec![0, 2]),
                (c"d", vec![2])
            ]
        );
    }
}
