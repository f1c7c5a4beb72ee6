//! One record of the journal: a tag and three fields, each ended by NUL.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use common::fs::{Attributes, FileId, Identity, Placeholder};
use rustix::fs::Timespec;

/// One thing that the next run has to restore. A path is below DEST, or absolute for a directory of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    /// The first of every journal: the staging that it lies in, and DEST.
    Staging { root: FileId, own: FileId },
    /// `place` gets `new`; after that `staged` (below DEST) holds what `place` had.
    Replaced {
        place: PathBuf,
        staged: PathBuf,
        new: FileId,
    },
    /// A placeholder stands at `place` until the directory that is ready replaces it. The last record of a place counts.
    Placeholder { place: PathBuf, is: Placeholder },
    /// The directory was made writable and is to have this mode again.
    Mode {
        path: PathBuf,
        id: FileId,
        mode: u32,
    },
    /// The directory is to have this modification time.
    Times {
        path: PathBuf,
        id: FileId,
        modified: Timespec,
    },
    /// The transaction is done. Records before this one do not count any more.
    Done,
}

impl Record {
    /// `found` is to have its modification time again.
    pub(crate) fn times(path: &Path, found: &Attributes) -> Self {
        Self::Times {
            path: path.to_owned(),
            id: FileId::of(found),
            modified: found.modified,
        }
    }

    /// `found` is to have its mode again.
    pub(crate) fn mode(path: &Path, found: &Attributes) -> Self {
        Self::Mode {
            path: path.to_owned(),
            id: FileId::of(found),
            mode: found.mode,
        }
    }

    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        let (tag, fields): (&str, [Vec<u8>; 3]) = match self {
            Self::Staging { root, own } => ("staging", [file(*root), file(*own), Vec::new()]),
            Self::Replaced { place, staged, new } => {
                ("replaced", [bytes(place), bytes(staged), file(*new)])
            }
            Self::Placeholder { place, is } => {
                let (word, made) = match is {
                    Placeholder::Wanted => ("wanted", Vec::new()),
                    Placeholder::Made(made) => ("made", file(*made)),
                    Placeholder::Gone => ("gone", Vec::new()),
                };
                ("placeholder", [bytes(place), word.into(), made])
            }
            Self::Mode { path, id, mode } => {
                ("mode", [bytes(path), file(*id), mode.to_string().into()])
            }
            Self::Times { path, id, modified } => {
                let time = format!("{} {}", modified.tv_sec, modified.tv_nsec);
                ("times", [bytes(path), file(*id), time.into()])
            }
            Self::Done => ("done", Default::default()),
        };
        for field in std::iter::once(tag.as_bytes()).chain(fields.iter().map(Vec::as_slice)) {
            into.extend_from_slice(field);
            into.push(0);
        }
    }

    /// The records after the last [`Record::Done`]: those that count.
    pub(crate) fn that_count(records: &[Self]) -> &[Self] {
        let done = records.iter().rposition(|record| *record == Self::Done);
        &records[done.map_or(0, |at| at + 1)..]
    }

    /// Its path, below DEST or absolute.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Replaced { place, .. } | Self::Placeholder { place, .. } => place,
            Self::Mode { path, .. } | Self::Times { path, .. } => path,
            Self::Staging { .. } | Self::Done => Path::new(""),
        }
    }

    /// Reads records until the first that is not complete.
    pub(crate) fn decode(bytes: &[u8]) -> Vec<Self> {
        let mut fields = bytes.split_inclusive(|&byte| byte == 0);
        let mut next = || fields.next().and_then(|field| field.strip_suffix(&[0]));
        let mut records = Vec::new();
        while let (Some(tag), Some(a), Some(b), Some(c)) = (next(), next(), next(), next()) {
            let Some(record) = Self::from_fields(tag, a, b, c) else {
                break;
            };
            records.push(record);
        }
        records
    }

    fn from_fields(tag: &[u8], a: &[u8], b: &[u8], c: &[u8]) -> Option<Self> {
        Some(match tag {
            b"staging" => Self::Staging {
                root: parse_file(a)?,
                own: parse_file(b)?,
            },
            b"done" => Self::Done,
            b"replaced" => Self::Replaced {
                place: path(a),
                staged: path(b),
                new: parse_file(c)?,
            },
            b"placeholder" => Self::Placeholder {
                place: path(a),
                is: match b {
                    b"wanted" => Placeholder::Wanted,
                    b"made" => Placeholder::Made(parse_file(c)?),
                    b"gone" => Placeholder::Gone,
                    _ => return None,
                },
            },
            b"mode" => Self::Mode {
                path: path(a),
                id: parse_file(b)?,
                mode: text(c)?.parse().ok()?,
            },
            b"times" => {
                let (seconds, nanoseconds) = text(c)?.split_once(' ')?;
                Self::Times {
                    path: path(a),
                    id: parse_file(b)?,
                    modified: Timespec {
                        tv_sec: seconds.parse().ok()?,
                        tv_nsec: nanoseconds.parse().ok()?,
                    },
                }
            }
            _ => return None,
        })
    }
}

/// Inode and birth. The device is left out: its number changes when the disk is mounted again.
fn file(of: FileId) -> Vec<u8> {
    format!("{} {}", of.identity.inode, of.born).into()
}

fn parse_file(bytes: &[u8]) -> Option<FileId> {
    let (inode, born) = text(bytes)?.split_once(' ')?;
    Some(FileId {
        identity: Identity {
            device: 0,
            inode: inode.parse().ok()?,
        },
        born: born.parse().ok()?,
    })
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(inode: u64) -> FileId {
        FileId {
            identity: Identity { device: 0, inode },
            born: 1_700_000_000_000_000_005,
        }
    }

    fn times(path: &str, tv_sec: i64) -> Record {
        Record::Times {
            path: path.into(),
            id: some(1),
            modified: Timespec {
                tv_sec,
                tv_nsec: 999_999_999,
            },
        }
    }

    #[test]
    fn records_are_read_back_and_a_torn_one_is_not() {
        let placeholder = |is| Record::Placeholder {
            place: "usr/new".into(),
            is,
        };
        let records = [
            Record::Staging {
                root: some(7),
                own: some(8),
            },
            Record::Replaced {
                place: "usr/b\nin".into(),
                staged: ".img-merge-0/3".into(),
                new: some(9),
            },
            placeholder(Placeholder::Wanted),
            placeholder(Placeholder::Made(some(10))),
            placeholder(Placeholder::Gone),
            Record::Mode {
                path: "/image/usr".into(),
                id: some(11),
                mode: 0o555,
            },
            times("", -3),
        ];
        let mut bytes = Vec::new();
        for record in &records {
            record.encode(&mut bytes);
        }
        assert_eq!(Record::decode(&bytes), records);
        bytes.pop();
        assert_eq!(Record::decode(&bytes), records[..6]);
    }

    #[test]
    fn records_before_the_end_of_a_transaction_do_not_count() {
        let records = [times("a", 0), Record::Done, times("b", 0)];
        assert_eq!(Record::that_count(&records), &records[2..]);
        assert_eq!(Record::that_count(&records[..1]), &records[..1]);
    }
}
