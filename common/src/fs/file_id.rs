//! Which file it is, also where the number of an inode was given again.
//!
//! A file system gives the number of an inode that is gone to the next one: ext4 does so at once. So a
//! number tells which file it is only while that file is known to live. Where it may be gone, because
//! another process has removed it, the time of its birth has to be the same too.

use std::num::NonZeroI64;

use rustix::io::Result;

use super::{Attributes, Dir, Identity};

/// When an inode was made, in nanoseconds since 1970 (`stx_btime` of statx(2)); nothing where the file
/// system does not keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Birth(Option<NonZeroI64>);

impl Birth {
    /// From seconds and nanoseconds since 1970.
    pub fn at(seconds: i64, nanoseconds: u32) -> Self {
        let whole = seconds.saturating_mul(1_000_000_000);
        Self::of_number(whole.saturating_add(nanoseconds.into()))
    }

    /// As the journal has it: 0 where it is not known.
    pub fn of_number(number: i64) -> Self {
        Self(NonZeroI64::new(number))
    }

    /// The inverse of [`Birth::of_number`].
    pub fn number(self) -> i64 {
        self.0.map_or(0, NonZeroI64::get)
    }

    fn may_be(self, other: Self) -> bool {
        self.0.is_none() || other.0.is_none() || self == other
    }
}

/// One inode of all that have or had its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// The inode.
    pub identity: Identity,
    /// When that inode was made.
    pub born: Birth,
}

impl FileId {
    /// The file that `it` was read from.
    pub fn of(it: &Attributes) -> Self {
        Self {
            identity: it.identity,
            born: it.born,
        }
    }

    /// A file of which only the inode is known.
    pub fn of_unknown_birth(identity: Identity) -> Self {
        let born = Birth(None);
        Self { identity, born }
    }

    /// Whether it is `there`, which is `dir` or a name in it.
    pub fn is(self, there: &Attributes, dir: &Dir) -> Result<bool> {
        Ok(self.identity == there.identity && self.is_as_old_as(there, dir)?)
    }

    /// The half of [`FileId::is`] that its number does not tell.
    ///
    /// An overlay copies a file up when it is renamed or linked, and the copy is a new birth: what is not
    /// a file system of its own proves nothing by it.
    pub fn is_as_old_as(self, there: &Attributes, dir: &Dir) -> Result<bool> {
        Ok(self.born.may_be(there.born) || !dir.has_true_inodes()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_may_be_any_birth() {
        let (some, other) = (Birth::at(1, 2), Birth::at(1, 3));
        let unknown = Birth::of_number(0);
        assert!(some.may_be(some) && some.may_be(unknown) && unknown.may_be(some));
        assert!(!some.may_be(other));
        assert_eq!(Birth::of_number(some.number()), some);
        assert_eq!(some.number(), 1_000_000_002);
    }
}
