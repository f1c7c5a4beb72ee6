//! The words of the command line, as clap reads them, and what they mean.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use common::cli::{Shared, Stream};
use common::error::eprint_line;
use common::outputs;

use crate::settings::{
    DirMetadata, DirectorySymlinks, Fallback, Locking, Merge, Method, OnConflict, Output, Rollback,
    Settings, Source, Threads, Transactions,
};

#[derive(Debug, Parser)]
#[command(
    name = "img-merge",
    version,
    about,
    override_usage = "img-merge [OPTIONS] IMAGE... DEST\n       img-merge [OPTIONS] --images-from=FILE DEST"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Words {
    /// How files get to DEST
    #[arg(long, value_enum, default_value_t = Method::Link)]
    method: Method,

    /// That method or an error; never fall back to another
    #[arg(long)]
    strict: bool,

    /// What becomes of a path that DEST holds differently
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnConflict::Error)]
    on_conflict: OnConflict,

    /// The same as --on-conflict=keep
    #[arg(short, long, conflicts_with = "on_conflict")]
    no_clobber: bool,

    /// What becomes of the metadata of directories that exist already
    #[arg(long, value_enum, value_name = "WHOSE", default_value_t = DirMetadata::Keep)]
    dir_metadata: DirMetadata,

    /// Let a directory of an image pass through a symlink in DEST that stays beneath DEST
    #[arg(long)]
    keep_directory_symlink: bool,

    /// Leave a failed merge as it stands instead of undoing it
    #[arg(long)]
    no_rollback: bool,

    /// Do not lock DEST: the caller sees to it that one merge runs at a time
    #[arg(long)]
    no_lock: bool,

    /// Read the whole stream first and merge it as one transaction
    #[arg(long, requires = "images_from")]
    all_or_nothing: bool,

    /// Print the plan and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Threads at work; default: the CPUs we may use, eight at most
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// Sync the file system before success is told
    #[arg(long)]
    sync: bool,

    /// Write what was merged to FILE in the format of mtree(5)
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    manifest: Option<PathBuf>,

    /// Write what was done to FILE as JSON Lines
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    #[command(flatten)]
    stream: Stream,

    #[command(flatten)]
    shared: Shared,

    /// The images in declared order, then the destination
    #[arg(required = true, value_name = "IMAGE|DEST", hide = true)]
    paths: Vec<PathBuf>,
}

/// Reads the words; the error is the status to exit with, after all has been said.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Settings, u8> {
    let words: Words = common::cli::parse(crate::TOOL, words, common::exit::FAILED)?;
    words.settings().map_err(|wrong| {
        eprint_line(&format!("{}: {wrong}", crate::TOOL));
        common::exit::FAILED
    })
}

impl Words {
    fn settings(mut self) -> Result<Settings, String> {
        let files = [("--json", &self.json), ("--manifest", &self.manifest)];
        outputs::distinct(&files.map(|(option, path)| (option, path.as_deref())))
            .map_err(|error| error.to_string())?;
        let destination = self.paths.pop().unwrap_or_default();
        let merge = self.merge();
        let images = self.paths;
        let source = match self.stream.images_from.clone() {
            Some(_) if !images.is_empty() => {
                let wrong = "--images-from and IMAGE arguments cannot be used together";
                return Err(wrong.into());
            }
            Some(from) => Source::Stream {
                from,
                end: self.stream.end(),
                transactions: if self.all_or_nothing {
                    Transactions::All
                } else {
                    Transactions::Each
                },
            },
            None if images.is_empty() => {
                return Err("no image and no --images-from was given".into());
            }
            None => Source::Arguments(images),
        };
        Ok(Settings {
            source,
            destination,
            merge,
            output: Output {
                verbosity: self.shared.verbosity(),
                json: self.json,
                manifest: self.manifest,
            },
        })
    }

    fn merge(&self) -> Merge {
        let choose = |flag: bool| {
            if flag {
                OnConflict::Keep
            } else {
                self.on_conflict
            }
        };
        Merge {
            method: self.method,
            fallback: if self.strict {
                Fallback::Forbidden
            } else {
                Fallback::Allowed
            },
            on_conflict: choose(self.no_clobber),
            dir_metadata: self.dir_metadata,
            directory_symlinks: if self.keep_directory_symlink {
                DirectorySymlinks::Pass
            } else {
                DirectorySymlinks::Conflict
            },
            rollback: if self.no_rollback {
                Rollback::Leave
            } else {
                Rollback::Undo
            },
            locking: if self.no_lock {
                Locking::Callers
            } else {
                Locking::Ours
            },
            dry_run: self.dry_run,
            sync: self.sync,
            threads: self
                .jobs
                .map_or(Threads::Cpus, |jobs| Threads::Number(jobs.into())),
        }
    }
}
