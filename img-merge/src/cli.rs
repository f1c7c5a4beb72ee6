//! The command line, as clap reads it, and the options that it means.

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

const HOW: &str = "How files are merged";
const CONFLICTS: &str = "Conflicts";
const SAFETY: &str = "Failures and locking";
const REPORT: &str = "Report";

const EXAMPLES: &str = "\
Examples:
  Merge three images and remove them:
    img-merge --method=move image/python3.11 image/python3.12 image/pypy3 /srv/tree
  Keep what DEST has, as cp --archive --link --no-clobber is meant to do:
    img-merge -n image dest
  See what would be done:
    img-merge --dry-run --on-conflict=replace image dest";

#[derive(Debug, Parser)]
#[command(
    name = "img-merge",
    version,
    about,
    after_help = EXAMPLES,
    override_usage = "img-merge [OPTIONS] IMAGE... DEST\n       img-merge [OPTIONS] --images-from=FILE DEST"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Args {
    /// How files get to DEST
    #[arg(long, value_enum, default_value_t = Method::Link, help_heading = HOW)]
    method: Method,

    /// Use that method or fail; never fall back to another
    #[arg(long, help_heading = HOW)]
    strict: bool,

    /// Whose metadata a directory gets that exists on both sides
    #[arg(long, value_enum, value_name = "WHOSE", default_value_t = DirMetadata::Keep, help_heading = HOW)]
    dir_metadata: DirMetadata,

    /// Merge an image's directory into the directory behind a symlink in DEST, if that is beneath DEST
    #[arg(long, help_heading = HOW)]
    keep_directory_symlink: bool,

    /// Threads that work; default: one for each CPU we may use, eight at most
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = HOW)]
    jobs: Option<u16>,

    /// What to do with a path that an image and DEST hold differently
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnConflict::Error, help_heading = CONFLICTS)]
    on_conflict: OnConflict,

    /// The same as --on-conflict=keep
    #[arg(short, long, conflicts_with = "on_conflict", help_heading = CONFLICTS)]
    no_clobber: bool,

    /// Print the plan and change nothing
    #[arg(long, help_heading = CONFLICTS)]
    dry_run: bool,

    /// Merge the whole stream as one transaction, and nothing if it is not complete
    #[arg(long, requires = "images_from", help_heading = SAFETY)]
    all_or_nothing: bool,

    /// Do not undo a merge that fails
    #[arg(long, help_heading = SAFETY)]
    no_rollback: bool,

    /// Do not lock DEST; the caller makes sure that one merge runs at a time
    #[arg(long, help_heading = SAFETY)]
    no_lock: bool,

    /// Sync the file systems before reporting success
    #[arg(long, help_heading = SAFETY)]
    sync: bool,

    /// Write the merged paths to FILE in the format of mtree(5)
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run", help_heading = REPORT)]
    manifest: Option<PathBuf>,

    /// Write what was done to FILE as JSON Lines
    #[arg(long, value_name = "FILE", help_heading = REPORT)]
    json: Option<PathBuf>,

    #[command(flatten)]
    stream: Stream,

    #[command(flatten)]
    shared: Shared,

    /// The images in declared order, then the destination
    #[arg(required = true, value_name = "IMAGE|DEST", hide = true)]
    paths: Vec<PathBuf>,
}

/// Reads the command line. The error is the exit status, after everything was printed.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Settings, u8> {
    let args: Args = common::cli::parse(crate::TOOL, words, common::exit::FAILED)?;
    args.settings().map_err(|wrong| {
        eprint_line(&format!("{}: {wrong}", crate::TOOL));
        common::exit::FAILED
    })
}

/// `yes` if the flag was given.
fn pick<T>(flag: bool, yes: T, no: T) -> T {
    if flag { yes } else { no }
}

impl Args {
    fn settings(mut self) -> Result<Settings, String> {
        let files = [("--json", &self.json), ("--manifest", &self.manifest)];
        outputs::distinct(&files.map(|(option, path)| (option, path.as_deref())))
            .map_err(|error| error.to_string())?;
        let destination = self.paths.pop().unwrap_or_default();
        Ok(Settings {
            destination,
            merge: self.merge(),
            source: self.source()?,
            output: Output {
                verbosity: self.shared.verbosity(),
                json: self.json,
                manifest: self.manifest,
            },
        })
    }

    /// What the paths before DEST mean.
    fn source(&mut self) -> Result<Source, String> {
        let images = std::mem::take(&mut self.paths);
        match self.stream.images_from.clone() {
            Some(_) if !images.is_empty() => {
                Err("--images-from and IMAGE arguments cannot be used together".into())
            }
            Some(from) => Ok(Source::Stream {
                from,
                end: self.stream.end(),
                transactions: pick(
                    self.all_or_nothing || self.dry_run,
                    Transactions::All,
                    Transactions::Each,
                ),
            }),
            None if images.is_empty() => Err("no image and no --images-from was given".into()),
            None => Ok(Source::Arguments(images)),
        }
    }

    fn merge(&self) -> Merge {
        Merge {
            method: self.method,
            fallback: pick(self.strict, Fallback::Forbidden, Fallback::Allowed),
            on_conflict: pick(self.no_clobber, OnConflict::Keep, self.on_conflict),
            dir_metadata: self.dir_metadata,
            directory_symlinks: pick(
                self.keep_directory_symlink,
                DirectorySymlinks::Pass,
                DirectorySymlinks::Conflict,
            ),
            rollback: pick(self.no_rollback, Rollback::Leave, Rollback::Undo),
            locking: pick(self.no_lock, Locking::Callers, Locking::Ours),
            dry_run: self.dry_run,
            sync: self.sync,
            threads: self
                .jobs
                .map_or(Threads::Cpus, |jobs| Threads::Number(jobs.into())),
        }
    }
}
