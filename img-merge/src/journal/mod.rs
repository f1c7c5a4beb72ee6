//! What a run that is killed leaves behind, so that the next one can put it right.
//!
//! **The crash states.** A transaction changes DEST by these steps, and may be killed before, between and
//! after any of them:
//!
//! | step | if killed after it |
//! |---|---|
//! | something is made ready in the [staging](crate::staging) | the next run removes it with the staging |
//! | it gets its place by one rename or link that replaces nothing | it is complete and what the merge is to bring: the next run finds it there |
//! | `move`: something leaves the image for its place by one rename | the next run finds it there, and the image without it |
//! | a name is replaced: the new is exchanged with the old, which is in the staging then | noted before ([`Record::Replaced`]): the next run exchanges back and merges again |
//! | a directory is to get its place where renames know no flags: an empty one is made for it there | noted before and after ([`Record::Placeholder`]): removed, if it is that very one and empty |
//! | DEST itself is to get its place there | not noted, for it has no journal yet: the empty one is known by its mode, and DEST is made anew |
//! | a directory is opened for us (0555), or times change because names do | noted before ([`Record::Mode`], [`Record::Times`]): put back |
//! | **[`Record::Done`] is noted: the transaction is done** | what was replaced is in the staging still: the next run removes it |
//! | `move`: the image's equal files and empty directories are removed | they are equal to what DEST has; the same merge again removes the rest. The image's times, which count there, are noted with [`Record::Done`] and put back |
//! | an undo takes a directory that was brought into the staging, to remove there what is ours | what others wrote into it may be in there: the next run gives it a name beside the staging ([`crate::staging`]) and says so |
//! | the staging is removed, the journal last | nothing is left to do |
//! | `move`: the image itself is removed, empty by now | nothing is left to do |
//!
//! So whatever the moment, the next run brings DEST to where it was but for complete new names, and the
//! same merge then ends where it would have ended undisturbed. A killed process loses nothing that it
//! wrote; a machine that loses power may, and nothing is promised for it.
//!
//! The journal is a file in the staging at the top of DEST. Its first record ([`Record::Staging`]) is the
//! proof that the directory is a staging: nobody else can write it into a directory that is ours alone.
//! Records are appended, those of one step by one write; what is not complete was not begun.

mod record;

use std::ffi::CStr;
use std::fs::File;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{SeekFrom, ftruncate, seek};
use rustix::io::{Errno, Result, retry_on_intr, write};

pub(crate) use record::{Placeholder, Record, Whose};

use common::fs::{Attributes, Dir, FileId, Identity};

/// The journal's name in a staging.
pub(crate) const NAME: &CStr = c"journal";

/// When a journal was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    ThisBoot,
    /// Before the machine was started anew, or the disk was mounted anew: device numbers have changed since.
    Before,
}

impl Written {
    /// When the journal was written that begins with `first` and lies in `here`.
    pub(crate) fn of(first: Option<&Record>, here: Identity) -> Self {
        match first {
            Some(Record::Staging {
                boot: then, own, ..
            }) if *then == boot() && own.identity.device == here.device => Self::ThisBoot,
            _ => Self::Before,
        }
    }

    /// Whether `now`, which is `dir` or a name in it, is what was noted.
    pub(crate) fn is_still(self, noted: FileId, now: &Attributes, dir: &Dir) -> Result<bool> {
        Ok(self.is(noted.identity, now.identity) && noted.is_as_old_as(now, dir)?)
    }

    /// Whether what was noted with the number `noted` has the number `here`.
    fn is(self, noted: Identity, here: Identity) -> bool {
        noted.inode == here.inode && (self == Self::Before || noted.device == here.device)
    }

    /// `noted` as it is called now, in the file system of `holder`.
    pub(crate) fn now(self, noted: FileId, holder: Identity) -> FileId {
        let device = match self {
            Self::ThisBoot => noted.identity.device,
            Self::Before => holder.device,
        };
        let inode = noted.identity.inode;
        let identity = Identity { device, inode };
        FileId { identity, ..noted }
    }
}

/// The journal of a transaction that runs.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    /// How many bytes of it are whole records.
    length: Mutex<u64>,
}

impl Journal {
    /// Makes the journal of the staging `own`, for a merge into `root`, that begins with `first`.
    pub(crate) fn create(
        staging: &Dir,
        root: FileId,
        own: FileId,
        first: &[Record],
    ) -> Result<Self> {
        let file = staging.create_file(NAME)?;
        let length = Mutex::default();
        let journal = Self { file, length };
        let boot = boot();
        let proof = Record::Staging { boot, root, own };
        journal.note(&[std::slice::from_ref(&proof), first].concat())?;
        Ok(journal)
    }

    /// Has it written to disk.
    pub(crate) fn sync(&self) -> Result<()> {
        rustix::fs::fdatasync(&self.file)
    }

    /// Notes what is about to be done. Records of one call count together: what cannot be written whole,
    /// as on a full disk, is taken back.
    pub(crate) fn note(&self, records: &[Record]) -> Result<()> {
        let mut bytes = Vec::new();
        for record in records {
            record.encode(&mut bytes);
        }
        let mut length = self.length.lock().unwrap_or_else(PoisonError::into_inner);
        match self.write(&bytes) {
            Ok(()) => *length += bytes.len() as u64,
            Err(cause) => {
                ftruncate(&self.file, *length)?;
                seek(&self.file, SeekFrom::Start(*length))?;
                return Err(cause);
            }
        }
        Ok(())
    }

    fn write(&self, mut rest: &[u8]) -> Result<()> {
        while !rest.is_empty() {
            match retry_on_intr(|| write(&self.file, rest))? {
                0 => return Err(Errno::IO),
                written => rest = &rest[written..],
            }
        }
        Ok(())
    }
}

/// This start of the machine; nothing where the kernel does not tell.
///
/// Device numbers are given anew at each start: identities that were noted before count by their
/// inode alone.
pub(crate) fn boot() -> String {
    let id = common::procfs::read_text("/proc/sys/kernel/random/boot_id");
    id.map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

/// The records in a staging that was left; none if it has no journal.
pub(crate) fn read(staging: &Dir) -> Result<Vec<Record>> {
    let file = match staging.open_file(NAME) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(Vec::new()),
        Err(cause) => return Err(cause),
    };
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match retry_on_intr(|| rustix::io::read(&file, chunk.as_mut_slice()))? {
            0 => return Ok(Record::decode(&bytes)),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}
