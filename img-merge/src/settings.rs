//! The options of a run, as typed values.

use std::path::PathBuf;

use clap::ValueEnum;
use common::cli::Verbosity;

/// How a file gets to the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum Method {
    /// Give the image's file one more name
    Link,
    /// Make a file that shares the image's blocks
    Reflink,
    /// Copy the bytes; holes stay holes
    Copy,
    /// Rename; the image is removed
    Move,
}

/// What to do with a path that an image and DEST hold differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnConflict {
    /// List every conflict and change nothing
    Error,
    /// Keep what DEST has
    Keep,
    /// Replace it by what the image has
    Replace,
}

/// Whose metadata a directory gets that exists on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DirMetadata {
    /// Keep DEST's; its time becomes the later of the two
    Keep,
    /// Take the image's
    Image,
    /// Treat a difference as a conflict
    Strict,
}

/// Whether the next method may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// Link, then reflink, then copy.
    Allowed,
    /// The chosen method or an error (`--strict`).
    Forbidden,
}

/// What to do with an image's directory that is a symlink in DEST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectorySymlinks {
    /// A conflict.
    Conflict,
    /// Merge into the directory behind it, if that is beneath DEST (`--keep-directory-symlink`).
    Pass,
}

/// Who makes sure that one merge runs at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locking {
    /// We do, with flock(2) on DEST.
    Ours,
    /// The caller does (`--no-lock`).
    Callers,
}

/// What to do after a merge failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rollback {
    /// Undo it.
    Undo,
    /// Leave what it did (`--no-rollback`).
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
    /// The whole stream is one (`--all-or-nothing`, `--dry-run`).
    All,
}

/// All options of a run.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) source: Source,
    pub(crate) destination: PathBuf,
    pub(crate) merge: Merge,
    pub(crate) output: Output,
}

/// How many threads work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    Number(usize),
    /// One for each CPU that we may use, at most eight.
    Cpus,
}

impl Threads {
    /// The number. It asks the kernel, so call it only when a second thread is worth it.
    pub(crate) fn count(self) -> usize {
        // More threads than this only wait for the file system.
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

/// The options of the merge itself.
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
    /// Sync the file systems before reporting success.
    pub(crate) sync: bool,
    pub(crate) threads: Threads,
}

/// The options of the report.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) verbosity: Verbosity,
    pub(crate) json: Option<PathBuf>,
    pub(crate) manifest: Option<PathBuf>,
}

impl Output {
    /// Whether the report needs every path.
    pub(crate) fn wants_paths(&self) -> bool {
        self.json.is_some() || self.manifest.is_some() || self.verbosity == Verbosity::Verbose
    }
}

impl Method {
    pub(crate) const ALL: [Self; 4] = [Self::Link, Self::Reflink, Self::Copy, Self::Move];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Reflink => "reflink",
            Self::Copy => "copy",
            Self::Move => "move",
        }
    }

    /// For totals: "12 files linked".
    pub(crate) fn done(self) -> &'static str {
        match self {
            Self::Link => "linked",
            Self::Reflink => "reflinked",
            Self::Copy => "copied",
            Self::Move => "moved",
        }
    }
}
