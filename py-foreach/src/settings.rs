//! What the words mean: typed values, each checked once.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use common::cli::Verbosity;
use common::{Error, Result};

use crate::cli::{Halt, Output, Words};
use crate::quantity;

/// A whole run, as it was asked for.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) command: Vec<OsString>,
    pub(crate) verbosity: Verbosity,
    pub(crate) which: Which,
    pub(crate) environment: Environment,
    pub(crate) images: Option<PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) reports: Reports,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Run,
    List,
    Env,
    DryRun,
}

/// Which runs there are to be, as the words say it: each word of a list by itself, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    /// `-i`: empty where nothing was asked for.
    Implementations(Vec<OsString>),
    /// `--variants`.
    Variants(Vec<OsString>),
}

/// What shapes the jobs' environment.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) copy_sources: Option<PathBuf>,
    pub(crate) build_dir: Option<PathBuf>,
    pub(crate) isolate_home: bool,
    pub(crate) shell_env: Option<PathBuf>,
    pub(crate) export: Vec<OsString>,
    pub(crate) export_to: Option<PathBuf>,
}

/// What bounds the run.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// `-j`, where it was said.
    pub(crate) jobs: Option<NonZeroUsize>,
    pub(crate) max_impls: Option<NonZeroUsize>,
    pub(crate) load: Option<f64>,
    pub(crate) memory: Memory,
    pub(crate) halt: Halt,
    pub(crate) timeout: Option<Duration>,
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

/// Where the run is told of.
#[derive(Debug)]
pub(crate) struct Reports {
    pub(crate) output: Output,
    pub(crate) log_dir: Option<PathBuf>,
    pub(crate) joblog: Option<PathBuf>,
    pub(crate) report: Option<PathBuf>,
}

impl Settings {
    /// Reads the words; the first that means nothing is refused.
    pub(crate) fn read(words: Words) -> Result<Self> {
        let files = [
            ("--shell-env", &words.shell_env),
            ("--joblog", &words.joblog),
            ("--report", &words.report),
            ("--export-to", &words.export_to),
        ];
        common::outputs::distinct(&files.map(|(option, path)| (option, path.as_deref())))?;
        let which = if words.variants.is_empty() {
            let implementations = split(&words.implementations);
            // A list that came out empty is a mistake of the caller's and not the wish for all.
            if implementations.is_empty() && !words.implementations.is_empty() {
                return Err(Error::said("read --impl", "the list is empty"));
            }
            Which::Implementations(implementations)
        } else {
            let variants = split(&words.variants);
            if variants.is_empty() {
                return Err(Error::said("read --variants", "the list is empty"));
            }
            Which::Variants(variants)
        };
        let limits = Limits {
            jobs: optional(words.jobs, |w| quantity::count("-j", &w))?,
            max_impls: optional(words.max_impls, |w| quantity::count("--max-impls", &w))?,
            load: optional(words.load_average, |w| quantity::load("-l", &w))?,
            memory: memory(&words.memory)?,
            halt: words.halt,
            timeout: optional(words.timeout, |w| quantity::duration("--timeout", &w))?
                .filter(|limit| !limit.is_zero()),
            grace: quantity::duration("--grace", &words.grace)?,
        };
        Ok(Self {
            mode: match (words.list, words.env, words.dry_run) {
                (true, ..) => Mode::List,
                (_, true, _) => Mode::Env,
                (.., true) => Mode::DryRun,
                _ => Mode::Run,
            },
            command: words.command,
            verbosity: words.shared.verbosity(),
            which,
            environment: Environment {
                copy_sources: words.copy_sources,
                build_dir: words.build_dir,
                isolate_home: words.isolate_home,
                shell_env: words.shell_env,
                export: words.export,
                export_to: words.export_to,
            },
            images: words.images,
            limits,
            reports: Reports {
                output: words.output,
                log_dir: words.log_dir,
                joblog: words.joblog,
                report: words.report,
            },
        })
    }
}

fn optional<T>(word: Option<OsString>, read: impl Fn(OsString) -> Result<T>) -> Result<Option<T>> {
    word.map(read).transpose()
}

fn memory(word: &OsString) -> Result<Memory> {
    match word.to_str() {
        Some("auto") => Ok(Memory::Auto),
        Some("off") => Ok(Memory::Off),
        _ => quantity::size("--memory", word).map(Memory::Leave),
    }
}

/// The words of repeatable lists, each separated by commas or blanks.
fn split(lists: &[OsString]) -> Vec<OsString> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let words = lists.iter().flat_map(|list| {
        let bytes = list.as_bytes();
        bytes.split(|b| matches!(b, b',' | b' ' | b'\t' | b'\n'))
    });
    let words = words.filter(|word| !word.is_empty());
    words
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Settings> {
        let words = ["py-foreach"].iter().chain(words).map(OsString::from);
        Settings::read(crate::cli::parse(words).unwrap())
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
    fn the_commands_own_options_are_its_own() {
        let settings = read(&["-j2", "make", "-j", "--env"]).unwrap();
        assert_eq!(settings.command, ["make", "-j", "--env"]);
        assert_eq!(settings.mode, Mode::Run);
        let settings = read(&["--", "-x"]).unwrap();
        assert_eq!(settings.command, ["-x"]);
    }

    #[test]
    fn what_means_nothing_is_refused() {
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
