//! How every tool reads its command line: the shared options, usage errors on one line, completions.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser};
use clap_complete::Shell;

use crate::error::eprint_line;
use crate::exit;
use crate::record::End;

/// The options that all tools have.
#[derive(Debug, Clone, Args)]
pub struct Shared {
    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say more
    #[arg(short, long)]
    pub verbose: bool,

    /// Print the completions for SHELL and do nothing else
    #[arg(long, value_name = "SHELL", exclusive = true, id = COMPLETION)]
    completion: Option<Shell>,
}

const COMPLETION: &str = "completion";

/// The options of a tool that reads records.
#[derive(Debug, Clone, Args)]
pub struct Stream {
    /// Read records of finished images from FILE; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub images_from: Option<PathBuf>,

    /// Accept a stream that was made by hand and has no end line
    #[arg(long, requires = "images_from")]
    pub no_end: bool,
}

/// How much a tool says on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only errors.
    Quiet,
    /// Errors and one summary.
    Normal,
    /// A line for each action.
    Verbose,
}

impl Shared {
    /// The choice of `-q` and `-v`.
    #[must_use]
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        }
    }
}

impl Stream {
    /// How the stream has to end.
    #[must_use]
    pub fn end(&self) -> End {
        if self.no_end {
            End::Optional
        } else {
            End::Required
        }
    }
}

/// Reads the command line of `tool` into `P`.
///
/// # Errors
/// The status to exit with at once: 0 after `--help`, `--version` and `--completion`, and `usage_status` after a usage
/// error, which it reports on one line.
pub fn parse<P: Parser>(
    tool: &'static str,
    words: impl IntoIterator<Item = OsString>,
    usage_status: u8,
) -> Result<P, u8> {
    let words: Vec<OsString> = words.into_iter().collect();
    let matches = P::command().try_get_matches_from(&words);
    if let Ok(Some(shell)) = matches.as_ref().map(|m| m.get_one::<Shell>(COMPLETION)) {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut P::command(), tool, &mut script);
        return Err(print(tool, &script, usage_status));
    }
    let parsed = matches.and_then(|mut matches| P::from_arg_matches_mut(&mut matches));
    parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            print(tool, error.render().to_string().as_bytes(), usage_status)
        }
        _ => {
            eprint_line(&format!("{tool}: {}", one_line(&error)));
            usage_status
        }
    })
}

fn print(tool: &str, text: &[u8], failed: u8) -> u8 {
    let mut out = std::io::stdout();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => exit::DONE,
        Err(cause) => {
            let cause = crate::error::plain(&cause);
            eprint_line(&format!("{tool}: write standard output: {cause}"));
            failed
        }
    }
}

/// clap's message on one line: its first paragraph, without the label.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first: Vec<&str> = text
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .collect();
    let line = first.join(" ");
    let said = line.strip_prefix("error: ").unwrap_or(&line);
    match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(similar)) => format!("{said}; is {similar} meant?"),
        _ => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Words {
        #[command(flatten)]
        shared: Shared,
        #[command(flatten)]
        stream: Stream,
        #[arg(required = true)]
        name: Vec<OsString>,
    }

    fn parse_words(words: &[&str]) -> Result<Words, u8> {
        let words = std::iter::once("tool").chain(words.iter().copied());
        parse("tool", words.map(OsString::from), 125)
    }

    #[test]
    fn words_become_options() {
        let words = parse_words(&["-v", "--images-from=-", "x"]).unwrap();
        assert_eq!(words.shared.verbosity(), Verbosity::Verbose);
        assert_eq!(words.stream.end(), End::Required);
        assert_eq!(words.name, ["x"]);
    }

    #[test]
    fn a_usage_error_has_the_tools_status() {
        assert_eq!(parse_words(&[]).unwrap_err(), 125);
        assert_eq!(parse_words(&["-q", "-v", "x"]).unwrap_err(), 125);
        assert_eq!(parse_words(&["--no-end", "x"]).unwrap_err(), 125);
    }

    #[test]
    fn completion_needs_nothing_else() {
        assert_eq!(parse_words(&["--completion", "bash"]).unwrap_err(), 0);
    }

    #[test]
    fn a_message_is_one_line() {
        let error = Words::try_parse_from(["tool", "--quite", "x"]).unwrap_err();
        assert_eq!(
            one_line(&error),
            "unexpected argument '--quite' found; is --quiet meant?"
        );
        let error = Words::try_parse_from(["tool"]).unwrap_err();
        assert_eq!(
            one_line(&error),
            "the following required arguments were not provided: <NAME>..."
        );
    }
}
