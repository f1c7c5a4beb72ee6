//! What a run was asked for, as typed values.

use std::path::PathBuf;

use clap::ValueEnum;
use common::cli::Verbosity;

/// How a file gets to the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum Method {
    /// Give the image's inode one more name
    Link,
    /// Copy, sharing the blocks where the file system can
    Reflink,
    /// Copy
    Copy,
    /// Rename out of the image, which is consumed
    Move,
}

/// What becomes of a path that an image and the destination hold differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnConflict {
    /// List every conflict and change nothing
    Error,
    /// The destination's stays
    Keep,
    /// The image's takes its place
    Replace,
}

/// What becomes of the metadata of a directory that exists on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DirMetadata {
    /// The destination's stays; its mtime becomes the later of the two
    Keep,
    /// The image's is taken
    Image,
    /// A difference is a conflict
    Strict,
}

/// Whether a method may give way to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// link, then reflink, then copy.
    Allowed,
    /// The asked method or an error (`--strict`).
    Forbidden,
}

/// How image directories that are links in the destination are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectorySymlinks {
    /// A conflict.
    Conflict,
    /// Passed through while they stay beneath DEST (`--keep-directory-symlink`).
    Pass,
}

/// Who sees to it that no two merges run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locking {
    /// We do, by flock(2) on DEST.
    Ours,
    /// The caller does (`--no-lock`).
    Callers,
}

/// What becomes of a merge that fails half way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rollback {
    /// It is undone.
    Undo,
    /// It stays as it stands (`--no-rollback`).
    Leave,
}

/// Where the images come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// All from the command line, as one transaction.
    Arguments(Vec<PathBuf>),
    /// From records.
    Stream {
        /// `-` or a file.
        from: PathBuf,
        end: common::record::End,
        transactions: Transactions,
    },
}

/// How a stream is cut into transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transactions {
    /// Each record is one.
    Each,
    /// The whole stream is one (`--all-or-nothing`).
    All,
}

/// Everything that one run was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) source: Source,
    pub(crate) destination: PathBuf,
    pub(crate) merge: Merge,
    pub(crate) output: Output,
}

/// How many threads are at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    Number(usize),
    /// As many as the CPUs that we may use, eight at most.
    Cpus,
}

impl Threads {
    /// The number. The kernel is asked for the CPUs here: most merges are over without a second thread.
    pub(crate) fn count(self) -> usize {
        // More threads than this many only queue at the file system.
        const MOST: usize = 8;
        match self {
            Self::Number(number) => number,
            Self::Cpus => {
                let ours = rustix::thread::sched_getaffinity(None);
                ours.map_or(1, |cpus| (cpus.count() as usize).clamp(1, MOST))
            }
        }
    }
}

/// What bears on the merge itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Merge {
    pub(crate) method: Method,
    pub(crate) fallback: Fallback,
    pub(crate) on_conflict: OnConflict,
    pub(crate) dir_metadata: DirMetadata,
    pub(crate) directory_symlinks: DirectorySymlinks,
    pub(crate) rollback: Rollback,
    pub(crate) locking: Locking,
    /// Print the plan instead of carrying it out.
    pub(crate) dry_run: bool,
    /// Sync the file system before success is told.
    pub(crate) sync: bool,
    pub(crate) threads: Threads,
}

/// What is said, and where.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) verbosity: Verbosity,
    pub(crate) json: Option<PathBuf>,
    pub(crate) manifest: Option<PathBuf>,
}

impl Output {
    /// Whether every path is told of, and not only the sums.
    pub(crate) fn wants_paths(&self) -> bool {
        self.json.is_some() || self.manifest.is_some() || self.verbosity == Verbosity::Verbose
    }
}

impl Method {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Reflink => "reflink",
            Self::Copy => "copy",
            Self::Move => "move",
        }
    }

    /// For sums: "12 linked".
    pub(crate) fn done(self) -> &'static str {
        match self {
            Self::Link => "linked",
            Self::Reflink => "reflinked",
            Self::Copy => "copied",
            Self::Move => "moved",
        }
    }
}
