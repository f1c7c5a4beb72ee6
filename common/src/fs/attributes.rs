//! The attributes of a file as stat(2) knows them: kind, owner, mode, times and inode.

use rustix::fs::{Dev, RawMode, Statx, StatxFlags, Timespec, Timestamps, makedev};
use rustix::fs::{FileType, UTIME_OMIT};

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
}

impl Kind {
    /// From the type in a directory entry or a mode; `None` if the file system does not say.
    pub fn of(kind: FileType) -> Option<Self> {
        match kind {
            FileType::RegularFile => Some(Self::File),
            FileType::Directory => Some(Self::Directory),
            FileType::Symlink => Some(Self::Symlink),
            FileType::Fifo => Some(Self::Fifo),
            FileType::Socket => Some(Self::Socket),
            FileType::CharacterDevice => Some(Self::CharacterDevice),
            FileType::BlockDevice => Some(Self::BlockDevice),
            FileType::Unknown => None,
        }
    }

    /// As mknod(2) wants it.
    pub fn file_type(self) -> FileType {
        match self {
            Self::File => FileType::RegularFile,
            Self::Directory => FileType::Directory,
            Self::Symlink => FileType::Symlink,
            Self::Fifo => FileType::Fifo,
            Self::Socket => FileType::Socket,
            Self::CharacterDevice => FileType::CharacterDevice,
            Self::BlockDevice => FileType::BlockDevice,
        }
    }

    /// In messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::CharacterDevice => "character device",
            Self::BlockDevice => "block device",
        }
    }

    /// Whether it is [`Kind::Directory`].
    pub fn is_dir(self) -> bool {
        self == Self::Directory
    }
}

/// The number of an inode, valid while the machine is up and the inode lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// `st_dev`.
    pub device: Dev,
    /// `st_ino`.
    pub inode: u64,
}

/// What statx(2) answers.
#[derive(Debug, Clone, Copy)]
pub struct Attributes {
    /// What kind of thing it is.
    pub kind: Kind,
    /// The permission bits with set-id and sticky.
    pub mode: RawMode,
    /// The owner (`st_uid`).
    pub uid: u32,
    /// The group (`st_gid`).
    pub gid: u32,
    /// In bytes (`st_size`).
    pub size: u64,
    /// How many names it has (`st_nlink`).
    pub links: u32,
    /// Of a device node (`st_rdev`).
    pub device_number: Dev,
    /// Its inode.
    pub identity: Identity,
    /// When the inode was made, in nanoseconds since 1970; 0 if the file system does not say.
    pub born: i64,
    /// The mount it was reached through; 0 before Linux 5.8, which does not say.
    pub mount: u64,
    /// The access time.
    pub accessed: Timespec,
    /// The modification time.
    pub modified: Timespec,
}

/// The fields that we ask statx(2) for.
pub const WANTED: StatxFlags = StatxFlags::BASIC_STATS
    .union(StatxFlags::MNT_ID)
    .union(StatxFlags::BTIME);

const PERMISSIONS: RawMode = 0o7777;

impl Attributes {
    /// From an answer of statx(2) to [`WANTED`].
    pub fn of(stat: &Statx) -> Self {
        let raw = RawMode::from(stat.stx_mode);
        Self {
            // Linux knows no other kinds; a future one is compared and moved as a file would be.
            kind: Kind::of(FileType::from_raw_mode(raw)).unwrap_or(Kind::File),
            mode: raw & PERMISSIONS,
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            size: stat.stx_size,
            links: stat.stx_nlink,
            device_number: makedev(stat.stx_rdev_major, stat.stx_rdev_minor),
            identity: Identity {
                device: makedev(stat.stx_dev_major, stat.stx_dev_minor),
                inode: stat.stx_ino,
            },
            // Both are 0 where the kernel did not fill them in.
            born: nanoseconds(stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec),
            mount: stat.stx_mnt_id,
            accessed: timespec(stat.stx_atime.tv_sec, stat.stx_atime.tv_nsec),
            modified: timespec(stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec),
        }
    }

    /// Whether it was reached through the same mount as `around`. Before Linux 5.8 the file system of a directory
    /// decides.
    pub fn is_in_mount_of(&self, around: &Self) -> bool {
        let is_known = self.mount != 0 || !self.kind.is_dir();
        self.mount == around.mount && (is_known || self.identity.device == around.identity.device)
    }

    /// Both times, as they are set on a copy.
    pub fn times(&self) -> Timestamps {
        Timestamps {
            last_access: self.accessed,
            last_modification: self.modified,
        }
    }
}

/// The times that set `modified` and leave the access time alone.
pub fn only_modified(modified: Timespec) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: modified,
    }
}

fn nanoseconds(seconds: i64, nanoseconds: u32) -> i64 {
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds.into())
}

/// A time as the calls take it.
pub fn timespec(seconds: i64, nanoseconds: u32) -> Timespec {
    Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Dir;

    #[test]
    fn without_mount_numbers_the_file_system_of_a_directory_decides() {
        let known = |path: &str| {
            let dir = Dir::named(path.as_ref()).expect("a directory");
            dir.stat().expect("attributes")
        };
        let unknown = |path: &str| super::Attributes {
            mount: 0,
            ..known(path)
        };
        assert!(!known("/proc").is_in_mount_of(&known("/")));
        assert!(known("/proc/self").is_in_mount_of(&known("/proc")));
        assert!(!unknown("/proc").is_in_mount_of(&unknown("/")));
        assert!(unknown("/proc/self").is_in_mount_of(&unknown("/proc")));
    }
}
