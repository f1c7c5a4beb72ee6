//! One thing that is noted, and how it is written: a tag and fields, each ended by NUL.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::Timespec;

use common::fs::{FileId, Identity};

/// The tag of a record and what follows it.
const FIELDS: usize = 4;

/// One thing that the next run has to put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    /// The first of every journal: which staging it lies in (`own`), whose DEST that is at work for
    /// (`root`), and since which start of the machine the identities count.
    Staging {
        boot: String,
        root: FileId,
        own: FileId,
    },
    /// `place` gets `new`, and `staged` (below DEST) then holds what was there.
    Replaced {
        place: PathBuf,
        staged: PathBuf,
        new: FileId,
    },
    /// An empty directory stands at `place` until the one that is ready takes its place.
    Placeholder { place: PathBuf, is: Placeholder },
    /// The directory has another mode for a while and is to have this one.
    Mode { of: Whose, mode: u32 },
    /// The directory's modification time is to be this one.
    Times { of: Whose, modified: Timespec },
    /// The transaction is done: what was noted before counts no more.
    Done,
}

/// What has become of an empty directory that holds a place. The last that is said of a place counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholder {
    /// About to be made: there was nothing at its place, or making it will say so.
    Wanted,
    Made(FileId),
    /// Not made, or removed again.
    Gone,
}

/// A directory that a record speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whose {
    /// Below DEST, or absolute for one of an image.
    pub(crate) path: PathBuf,
    pub(crate) it: FileId,
}

impl Record {
    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        let mut field = |bytes: &[u8]| {
            into.extend_from_slice(bytes);
            into.push(0);
        };
        match self {
            Self::Replaced { place, staged, new } => {
                field(b"replaced");
                field(place.as_os_str().as_bytes());
                field(staged.as_os_str().as_bytes());
                field(individual(*new).as_bytes());
            }
            Self::Staging { boot, root, own } => {
                field(b"staging");
                field(boot.as_bytes());
                field(individual(*root).as_bytes());
                field(individual(*own).as_bytes());
            }
            Self::Placeholder { place, is } => {
                field(b"placeholder");
                field(place.as_os_str().as_bytes());
                let (word, made) = match is {
                    Placeholder::Wanted => ("wanted", String::new()),
                    Placeholder::Made(made) => ("made", individual(*made)),
                    Placeholder::Gone => ("gone", String::new()),
                };
                field(word.as_bytes());
                field(made.as_bytes());
            }
            Self::Done => (0..FIELDS).for_each(|_| field(b"done")),
            Self::Mode { of, mode } => {
                field(b"mode");
                field(of.path.as_os_str().as_bytes());
                field(individual(of.it).as_bytes());
                field(mode.to_string().as_bytes());
            }
            Self::Times { of, modified } => {
                field(b"times");
                field(of.path.as_os_str().as_bytes());
                field(individual(of.it).as_bytes());
                field(format!("{} {}", modified.tv_sec, modified.tv_nsec).as_bytes());
            }
        }
    }

    /// What counts of the records of a journal: those after the last [`Record::Done`].
    pub(crate) fn that_count(records: &[Self]) -> &[Self] {
        let done = records.iter().rposition(|record| *record == Self::Done);
        &records[done.map_or(0, |at| at + 1)..]
    }

    /// What it speaks of, below DEST or absolute.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Replaced { place, .. } | Self::Placeholder { place, .. } => place,
            Self::Mode { of, .. } | Self::Times { of, .. } => &of.path,
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
        match tag {
            b"staging" => Some(Self::Staging {
                boot: text(a)?.to_owned(),
                root: parse_individual(b)?,
                own: parse_individual(c)?,
            }),
            b"done" => Some(Self::Done),
            b"replaced" => Some(Self::Replaced {
                place: path(a),
                staged: path(b),
                new: parse_individual(c)?,
            }),
            b"placeholder" => Some(Self::Placeholder {
                place: path(a),
                is: match b {
                    b"wanted" => Placeholder::Wanted,
                    b"made" => Placeholder::Made(parse_individual(c)?),
                    b"gone" => Placeholder::Gone,
                    _ => return None,
                },
            }),
            b"mode" => Some(Self::Mode {
                of: whose(a, b)?,
                mode: text(c)?.parse().ok()?,
            }),
            b"times" => {
                let (seconds, nanoseconds) = text(c)?.split_once(' ')?;
                Some(Self::Times {
                    of: whose(a, b)?,
                    modified: Timespec {
                        tv_sec: seconds.parse().ok()?,
                        tv_nsec: nanoseconds.parse().ok()?,
                    },
                })
            }
            _ => None,
        }
    }
}

fn identity(of: Identity) -> String {
    format!("{} {}", of.device, of.inode)
}

fn parse_identity(bytes: &[u8]) -> Option<Identity> {
    let (device, inode) = text(bytes)?.split_once(' ')?;
    Some(Identity {
        device: device.parse().ok()?,
        inode: inode.parse().ok()?,
    })
}

fn individual(of: FileId) -> String {
    format!("{} {}", identity(of.identity), of.born)
}

fn parse_individual(bytes: &[u8]) -> Option<FileId> {
    let (number, born) = text(bytes)?.rsplit_once(' ')?;
    Some(FileId {
        identity: parse_identity(number.as_bytes())?,
        born: born.parse().ok()?,
    })
}

fn whose(at: &[u8], of: &[u8]) -> Option<Whose> {
    Some(Whose {
        path: path(at),
        it: parse_individual(of)?,
    })
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(bytes.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_a_torn_one_does_not() {
        let some = FileId {
            identity: Identity {
                device: 7,
                inode: 12345,
            },
            born: 1_700_000_000_000_000_005,
        };
        let records = [
            Record::Replaced {
                place: "usr/b\nin".into(),
                staged: ".img-merge-0/3".into(),
                new: FileId {
                    identity: Identity {
                        device: 8,
                        inode: 9,
                    },
                    born: 0,
                },
            },
            Record::Placeholder {
                place: "usr/new".into(),
                is: Placeholder::Made(some),
            },
            Record::Placeholder {
                place: "usr/new".into(),
                is: Placeholder::Gone,
            },
            Record::Mode {
                of: Whose {
                    path: "/image/usr".into(),
                    it: some,
                },
                mode: 0o555,
            },
            Record::Times {
                of: Whose {
                    path: "".into(),
                    it: some,
                },
                modified: Timespec {
                    tv_sec: -3,
                    tv_nsec: 999_999_999,
                },
            },
        ];
        let mut bytes = Vec::new();
        for record in &records {
            record.encode(&mut bytes);
        }
        assert_eq!(Record::decode(&bytes), records);
        bytes.pop();
        assert_eq!(Record::decode(&bytes), records[..4]);
    }

    #[test]
    fn what_is_done_counts_no_more() {
        let time = |name: &str| Record::Times {
            of: Whose {
                path: name.into(),
                it: FileId {
                    identity: Identity {
                        device: 1,
                        inode: 2,
                    },
                    born: 0,
                },
            },
            modified: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
        };
        let records = [time("a"), Record::Done, time("b")];
        let mut bytes = Vec::new();
        for record in &records {
            record.encode(&mut bytes);
        }
        let read = Record::decode(&bytes);
        assert_eq!(read, records);
        assert_eq!(Record::that_count(&read), &records[2..]);
        assert_eq!(Record::that_count(&records[..1]), &records[..1]);
    }
}
