//! What the user asks for: the command line, as typed values.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, ValueEnum};
use common::cli::{Shared, Verbosity};
use common::{Error, Result, exit};

use crate::{TOOL, quantity, words};

/// Run COMMAND once for each Python implementation, in parallel, from one pool of job slots
#[derive(Debug, Parser)]
#[command(name = "py-foreach", version, after_help = EXAMPLES)]
#[command(override_usage = "py-foreach [OPTIONS] [--] COMMAND [ARG]...")]
#[command(group = ArgGroup::new("instead").args(["list", "env", "dry_run"]))]
pub(crate) struct Settings {
    #[command(flatten)]
    lists: Lists,

    #[arg(skip)]
    pub(crate) which: Which,

    #[command(flatten)]
    pub(crate) environment: Environment,

    #[command(flatten)]
    pub(crate) limits: Limits,

    #[command(flatten)]
    pub(crate) reports: Reports,

    #[command(flatten)]
    shared: Shared,

    /// The command to run for each, and its arguments
    #[arg(
        value_name = "COMMAND",
        help_heading = "Arguments",
        trailing_var_arg = true
    )]
    #[arg(required_unless_present_any = ["list", "env"])]
    pub(crate) command: Vec<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  The Pythons that are here, and why others are not:
      py-foreach --list -v
  The tests under two Pythons, each in its own copy of the sources:
      py-foreach -i 'python3.12 python3.13' --copy-sources . -- python -m pytest
  An image of a package for each Python:
      py-foreach --copy-sources . --images images -- \\
          pip install --no-deps --ignore-installed --prefix=/usr --root={destdir} .";

#[derive(Debug, Args)]
#[command(next_help_heading = "What runs")]
struct Lists {
    /// Implementations in declared order, least preferred first; comma- or blank-separated
    #[arg(short, long = "impl", value_name = "LIST", conflicts_with = "variants")]
    implementations: Vec<OsString>,

    /// Opaque words instead of implementations: no discovery, no Python environment
    #[arg(long, value_name = "LIST")]
    variants: Vec<OsString>,
}

/// The runs that there are to be: each word of a list by itself, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    /// `-i`: empty where nothing was asked for.
    Implementations(Vec<OsString>),
    /// `--variants`.
    Variants(Vec<OsString>),
}

impl Default for Which {
    fn default() -> Self {
        Self::Implementations(Vec::new())
    }
}

/// What shapes the jobs' environment.
#[derive(Debug, Args)]
#[command(next_help_heading = "What runs")]
pub(crate) struct Environment {
    /// Give each implementation its own copy of DIR to work in
    #[arg(long, value_name = "DIR")]
    pub(crate) copy_sources: Option<PathBuf>,

    /// Set `BUILD_DIR` to DIR-VARIANT for each
    #[arg(short, long, value_name = "DIR")]
    pub(crate) build_dir: Option<PathBuf>,

    /// Make an image DIR/EPYTHON for each, and print a record for each success
    #[arg(long, value_name = "DIR", conflicts_with = "variants")]
    pub(crate) images: Option<PathBuf>,

    /// Give each implementation its own HOME
    #[arg(long)]
    pub(crate) isolate_home: bool,

    /// COMMAND is a shell function of FILE, which a bash sources first
    #[arg(long, value_name = "FILE")]
    pub(crate) shell_env: Option<PathBuf>,

    /// Bring the variable NAME back from the shell functions; NAME+= appends to a string
    #[arg(long, value_name = "NAME", requires = "shell_env")]
    pub(crate) export: Vec<OsString>,

    /// Write the exported variables to FILE, for the caller to source
    #[arg(long, value_name = "FILE", requires = "export")]
    pub(crate) export_to: Option<PathBuf>,
}

/// What bounds the run.
#[derive(Debug, Args)]
#[command(next_help_heading = "How much runs")]
pub(crate) struct Limits {
    /// Slots in the pool [default: the pool of MAKEFLAGS, else -j of MAKEOPTS, else the CPUs]
    #[arg(short, long, value_name = "N", overrides_with = "jobs", value_parser = quantity::count)]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// At most N implementations at once
    #[arg(long, value_name = "N", value_parser = quantity::count)]
    pub(crate) max_impls: Option<NonZeroUsize>,

    /// Start nothing new while the load average is above F
    #[arg(short, long = "load-average", value_name = "F", value_parser = quantity::load)]
    pub(crate) load: Option<f64>,

    /// Start nothing new that would leave less memory available: a size, auto, or off
    #[arg(long, value_name = "SIZE", default_value = "auto", value_parser = memory)]
    pub(crate) memory: Memory,

    /// What a failure does to the other jobs
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Halt::Never)]
    pub(crate) halt: Halt,

    /// End a job after T: seconds, or with a suffix s, m, h, d; 0 is no limit
    #[arg(long, value_name = "T", value_parser = quantity::duration)]
    pub(crate) timeout: Option<Duration>,

    /// Time between TERM and KILL when a job is ended
    #[arg(long, value_name = "T", default_value = "10", value_parser = quantity::duration)]
    pub(crate) grace: Duration,
}

/// `--memory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// By what the first jobs needed.
    Auto,
    /// The same, and so many bytes stay available.
    Leave(u64),
    /// No rule.
    Off,
}

fn memory(word: &str) -> Result<Memory, String> {
    match word {
        "auto" => Ok(Memory::Auto),
        "off" => Ok(Memory::Off),
        size => quantity::size(size).map(Memory::Leave),
    }
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

/// Where the run is reported.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is shown and kept")]
pub(crate) struct Reports {
    /// How the jobs' output is shown
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Output::Live)]
    pub(crate) output: Output,

    /// Write each job's whole output to DIR/build-ID.log
    #[arg(long, value_name = "DIR")]
    pub(crate) log_dir: Option<PathBuf>,

    /// Write a log in GNU parallel's columns to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) joblog: Option<PathBuf>,

    /// Write a report in JSON to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// Print the implementations found and do nothing else
    #[arg(long, conflicts_with = "command")]
    list: bool,

    /// Print how the environment of each job would differ from ours and do nothing else
    #[arg(long)]
    env: bool,

    /// Print what would run and do nothing else
    #[arg(long)]
    dry_run: bool,
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

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Run,
    List,
    Env,
    DryRun,
}

impl Settings {
    pub(crate) fn mode(&self) -> Mode {
        let Reports {
            list, env, dry_run, ..
        } = self.reports;
        match (list, env, dry_run) {
            (true, ..) => Mode::List,
            (_, true, _) => Mode::Env,
            (.., true) => Mode::DryRun,
            _ => Mode::Run,
        }
    }

    pub(crate) fn verbosity(&self) -> Verbosity {
        self.shared.verbosity()
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.verbosity() == Verbosity::Quiet
    }

    /// Checks what clap cannot.
    fn checked(mut self) -> Result<Self> {
        let files = [
            ("--shell-env", self.environment.shell_env.as_deref()),
            ("--joblog", self.reports.joblog.as_deref()),
            ("--report", self.reports.report.as_deref()),
            ("--export-to", self.environment.export_to.as_deref()),
        ];
        common::outputs::distinct(&files)?;
        self.which = if self.lists.variants.is_empty() {
            Which::Implementations(split("read --impl", &self.lists.implementations)?)
        } else {
            Which::Variants(split("read --variants", &self.lists.variants)?)
        };
        self.limits.timeout = self.limits.timeout.filter(|limit| !limit.is_zero());
        Ok(self)
    }
}

/// The words of repeatable lists. Lists that came out empty are a mistake of the caller's and not the wish for all.
fn split(verb: &str, lists: &[OsString]) -> Result<Vec<OsString>> {
    let words: Vec<OsString> = lists.iter().flat_map(|list| words::split(list)).collect();
    if words.is_empty() && !lists.is_empty() {
        return Err(Error::said(verb, "the list is empty"));
    }
    Ok(words)
}

/// Reads the command line, or gives the status to leave with.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Settings, u8> {
    let settings: Settings = common::cli::parse(TOOL, words, exit::FOREACH_FAILED)?;
    settings.checked().map_err(|error| {
        common::error::report(TOOL, [&error]);
        exit::FOREACH_FAILED
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Settings, u8> {
        parse(["py-foreach"].iter().chain(words).map(OsString::from))
    }

    #[test]
    fn lists_are_separated_by_commas_and_blanks_and_repeat() {
        let settings = read(&["-i", "python3.11,pypy3", "-i", " python3.12 ", "true"]).unwrap();
        let words = ["python3.11", "pypy3", "python3.12"].map(OsString::from);
        assert_eq!(settings.which, Which::Implementations(words.to_vec()));
    }

    #[test]
    fn the_last_number_of_jobs_counts_as_with_make() {
        let settings = read(&["-j2", "-j4", "true"]).unwrap();
        assert_eq!(settings.limits.jobs, NonZeroUsize::new(4));
    }

    #[test]
    fn the_options_of_the_command_are_not_ours() {
        let settings = read(&["-j2", "make", "-j", "--env"]).unwrap();
        assert_eq!(settings.command, ["make", "-j", "--env"]);
        assert_eq!(settings.mode(), Mode::Run);
        let settings = read(&["--", "-x"]).unwrap();
        assert_eq!(settings.command, ["-x"]);
    }

    #[test]
    fn bad_values_are_refused() {
        for words in [
            ["-j0", "true"],
            ["-jx", "true"],
            ["--timeout=soon", "true"],
            ["--memory=much", "true"],
            ["--variants=,", "true"],
            ["-l=x", "true"],
        ] {
            assert!(read(&words).is_err(), "{words:?}");
        }
    }
}
