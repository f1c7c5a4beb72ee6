//! The names of one directory, in one block of memory.

use std::ffi::CStr;

use super::Kind;

/// The names of a directory, with the inode and kind that readdir gives for each.
///
/// One allocation holds all names, so a directory of many thousands costs little more than their bytes.
#[derive(Debug, Default)]
pub struct Listing {
    names: Vec<u8>,
    entries: Vec<Slot>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    start: usize,
    end: usize,
    inode: u64,
    kind: Option<Kind>,
}

/// One name of a listing.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The name itself.
    pub name: &'a CStr,
    /// `d_ino`. It is not `st_ino` at a mount point and on some file systems.
    pub inode: u64,
    /// `None` if the file system does not say.
    pub kind: Option<Kind>,
}

impl Listing {
    /// Adds a name.
    pub fn push(&mut self, name: &CStr, inode: u64, kind: Option<Kind>) {
        let start = self.names.len();
        self.names.extend_from_slice(name.to_bytes_with_nul());
        let end = self.names.len();
        self.entries.push(Slot {
            start,
            end,
            inode,
            kind,
        });
    }

    /// Sorts by the bytes of the names.
    pub fn sort(&mut self) {
        let names = &self.names;
        self.entries
            .sort_unstable_by(|a, b| names[a.start..a.end].cmp(&names[b.start..b.end]));
    }

    /// The name at a position.
    pub fn get(&self, at: usize) -> Option<Entry<'_>> {
        self.entries.get(at).map(|slot| self.entry(*slot))
    }

    /// All names, in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        self.entries.iter().map(|slot| self.entry(*slot))
    }

    fn entry(&self, slot: Slot) -> Entry<'_> {
        let bytes = &self.names[slot.start..slot.end];
        Entry {
            // Every slot ends with the one NUL of the name that was pushed.
            name: CStr::from_bytes_with_nul(bytes).unwrap_or(c""),
            inode: slot.inode,
            kind: slot.kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_sorted_by_bytes() {
        let mut listing = Listing::default();
        for (name, inode) in [(c"b", 1), (c"a\xff", 2), (c"a", 3), (c"a.b", 4)] {
            listing.push(name, inode, None);
        }
        listing.sort();
        let order: Vec<u64> = listing.iter().map(|entry| entry.inode).collect();
        assert_eq!(order, [3, 4, 2, 1]);
        assert_eq!(listing.get(0).unwrap().name, c"a");
        assert!(listing.get(4).is_none());
    }
}
