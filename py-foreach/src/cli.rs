//! The words of the command line, as clap reads them; [`Settings`](crate::settings::Settings) gives
//! them their types.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgGroup, Parser, ValueEnum};
use common::cli::Shared;

/// Run COMMAND once for each Python implementation, in parallel, from one pool of job slots
#[derive(Debug, Parser)]
#[command(name = "py-foreach", version)]
#[command(override_usage = "py-foreach [OPTIONS] [--] COMMAND [ARG]...")]
#[command(group = ArgGroup::new("instead").args(["list", "env", "dry_run"]))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own; `Settings` has the types"
)]
pub(crate) struct Words {
    /// Implementations in declared order, least preferred first; comma- or blank-separated
    #[arg(short, long = "impl", value_name = "LIST", conflicts_with = "variants")]
    pub(crate) implementations: Vec<OsString>,

    /// Opaque words instead of implementations: no discovery, no Python environment
    #[arg(long, value_name = "LIST")]
    pub(crate) variants: Vec<OsString>,

    /// Slots in the pool [default: the pool of MAKEFLAGS, else -j of MAKEOPTS, else the CPUs]
    #[arg(short, long, value_name = "N", overrides_with = "jobs")]
    pub(crate) jobs: Option<OsString>,

    /// At most N implementations at once
    #[arg(long, value_name = "N")]
    pub(crate) max_impls: Option<OsString>,

    /// Start nothing new while the load average is above F
    #[arg(short, long, value_name = "F")]
    pub(crate) load_average: Option<OsString>,

    /// Start nothing new that would leave less memory available: a size, auto, or off
    #[arg(long, value_name = "SIZE", default_value = "auto")]
    pub(crate) memory: OsString,

    /// Give each implementation its own copy of DIR to work in
    #[arg(long, value_name = "DIR")]
    pub(crate) copy_sources: Option<PathBuf>,

    /// Set `BUILD_DIR` to DIR-VARIANT for each
    #[arg(short, long, value_name = "DIR")]
    pub(crate) build_dir: Option<PathBuf>,

    /// Make an image DIR/EPYTHON for each, and print a record for each success
    #[arg(long, value_name = "DIR", conflicts_with = "variants")]
    pub(crate) images: Option<PathBuf>,

    /// Write each job's whole output to DIR/build-ID.log
    #[arg(long, value_name = "DIR")]
    pub(crate) log_dir: Option<PathBuf>,

    /// How the jobs' output is shown
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Output::Live)]
    pub(crate) output: Output,

    /// What a failure does to the other jobs
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Halt::Never)]
    pub(crate) halt: Halt,

    /// End a job after T: seconds, or with a suffix s, m, h, d
    #[arg(long, value_name = "T")]
    pub(crate) timeout: Option<OsString>,

    /// Time between TERM and KILL when a job is ended
    #[arg(long, value_name = "T", default_value = "10")]
    pub(crate) grace: OsString,

    /// Give each implementation its own HOME
    #[arg(long)]
    pub(crate) isolate_home: bool,

    /// Write a log in GNU parallel's columns to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) joblog: Option<PathBuf>,

    /// Write a report in JSON to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// COMMAND is a shell function of FILE, which a bash sources first
    #[arg(long, value_name = "FILE")]
    pub(crate) shell_env: Option<PathBuf>,

    /// Bring the variable NAME back from the shell functions; NAME+= appends to a string
    #[arg(long, value_name = "NAME", requires = "shell_env")]
    pub(crate) export: Vec<OsString>,

    /// Write the exported variables to FILE, for the caller to source
    #[arg(long, value_name = "FILE", requires = "export")]
    pub(crate) export_to: Option<PathBuf>,

    /// Print the implementations found and do nothing else
    #[arg(long, conflicts_with = "command")]
    pub(crate) list: bool,

    /// Print how the environment of each job would differ from ours and do nothing else
    #[arg(long)]
    pub(crate) env: bool,

    /// Print what would run and do nothing else
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) shared: Shared,

    /// The command to run for each, and its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true, required_unless_present_any = ["list", "env"])]
    pub(crate) command: Vec<OsString>,
}

/// How the jobs' output reaches our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// The first unfinished job in declared order streams, the others wait their turn
    Live,
    /// Whole lines as they come, the job's name before each
    Prefix,
    /// Nothing: the logs have it
    Quiet,
}

/// What a failure does to the other jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Halt {
    /// All run all the same
    Never,
    /// Start no more
    Soon,
    /// Stop those that run, too
    Now,
}

/// Reads the words, or tells the status to leave with.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Words, u8> {
    common::cli::parse(crate::TOOL, words, common::exit::FOREACH_FAILED)
}
