//! The journal: what the next run needs to know if this one is killed. ARCHITECTURE.md has the crash states.
//!
//! It lies in the [staging](crate::staging) at the top of DEST. A record is written before the step that it describes
//! (but for the mode of DEST itself, which may forbid to make the staging). Records are appended, those of one step by
//! one write; a record that is not complete describes a step that was not begun.

mod record;
pub(crate) mod replay;

use std::ffi::CStr;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::Mutex;

use common::fs::{Attributes, Dir, FileId};
use common::lock;
use rustix::io::{Errno, Result};

pub(crate) use record::Record;

/// The journal's name in a staging.
pub(crate) const NAME: &CStr = c"journal";

/// Whether `now`, which is `dir` or a name in it, is the file that a record names.
///
/// Device numbers change when a disk is mounted again, so they do not count.
pub(crate) fn is_still(noted: FileId, now: &Attributes, dir: &Dir) -> Result<bool> {
    Ok(noted.identity.inode == now.identity.inode && noted.is_as_old_as(now, dir)?)
}

/// The journal of a transaction that runs.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    /// How many bytes are whole records.
    length: Mutex<u64>,
}

impl Journal {
    /// Makes the journal of the staging `own` for a merge into `root`. It begins with `first`.
    pub(crate) fn create(
        staging: &Dir,
        root: FileId,
        own: FileId,
        first: &[Record],
    ) -> Result<Self> {
        let journal = Self {
            file: staging.create_file(NAME)?,
            length: Mutex::default(),
        };
        let proof = Record::Staging { root, own };
        journal.note(&[std::slice::from_ref(&proof), first].concat())?;
        Ok(journal)
    }

    /// Has it written to disk.
    pub(crate) fn sync(&self) -> Result<()> {
        rustix::fs::fdatasync(&self.file)
    }

    /// Notes what is about to be done. If the records cannot be written whole, none of them counts.
    pub(crate) fn note(&self, records: &[Record]) -> Result<()> {
        let mut bytes = Vec::new();
        for record in records {
            record.encode(&mut bytes);
        }
        let mut length = lock(&self.length);
        if let Err(cause) = (&self.file).write_all(&bytes) {
            rustix::fs::ftruncate(&self.file, *length)?;
            rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Start(*length))?;
            return Err(errno(&cause));
        }
        *length += bytes.len() as u64;
        Ok(())
    }
}

/// The records in a staging; none if it has no journal.
pub(crate) fn read(staging: &Dir) -> Result<Vec<Record>> {
    let mut file = match staging.open_file(NAME) {
        Err(Errno::NOENT) => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .map_err(|cause| errno(&cause))?;
    Ok(Record::decode(&bytes))
}

fn errno(cause: &std::io::Error) -> Errno {
    Errno::from_io_error(cause).unwrap_or(Errno::IO)
}
