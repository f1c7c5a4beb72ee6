//! Which file a name stands for, even where an inode number was given again.
//!
//! ext4 gives the number of a removed inode to the next new file. So a number identifies a file only as long as
//! that file lives. Where another process may have removed it, the time of its birth has to match too.

use rustix::io::Result;

use super::{Attributes, Dir, Identity};

/// One file of all that have or had the same inode number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// The inode.
    pub identity: Identity,
    /// When that inode was made, in nanoseconds since 1970 (`stx_btime`); 0 if the file system does not say.
    pub born: i64,
}

impl FileId {
    /// The file that has the attributes `it`.
    #[must_use]
    pub fn of(it: &Attributes) -> Self {
        Self {
            identity: it.identity,
            born: it.born,
        }
    }

    /// Whether it is the file `there`, which is `dir` or a name in `dir`.
    pub fn is(self, there: &Attributes, dir: &Dir) -> Result<bool> {
        Ok(self.identity == there.identity && self.is_as_old_as(there, dir)?)
    }

    /// Whether the time of birth allows it to be `there`.
    ///
    /// An overlay makes a new inode when a file is renamed or linked, so there a birth proves nothing.
    pub fn is_as_old_as(self, there: &Attributes, dir: &Dir) -> Result<bool> {
        let known = self.born != 0 && there.born != 0;
        Ok(!known || self.born == there.born || !dir.has_true_inodes()?)
    }
}
