//! What `--list`, `--env` and `--dry-run` print.

use std::ffi::OsStr;
use std::io::Write;

use common::{Error, Result, show};

use crate::clients::Kind;
use crate::job::{Job, PoolView};
use crate::which::Choice;

/// `--list`: a line for each implementation, its name, version and interpreter apart by tabs.
pub(crate) fn list(choices: &[Choice]) -> Result<()> {
    let lines = choices.iter().map(|choice| match choice {
        Choice::Implementation(one) => {
            let (name, version) = (&one.implementation, &one.facts.version);
            format!("{name}\t{version}\t{}", show::path(&one.path))
        }
        Choice::Variant(word) => show::name(word).to_string(),
    });
    print(lines)
}

/// `--env`: for each job its name, then what differs from our own environment.
///
/// The pool is not there yet: `pool` is what it would be.
pub(crate) fn environment(jobs: &[Job], pool: &PoolView) -> Result<()> {
    print(jobs.iter().flat_map(|job| {
        let changes = job.plan.changes(pool, Kind::Fifo).into_iter();
        let lines = changes.map(|(name, value)| {
            let name = show::name(&name);
            match value {
                Some(value) => format!("    {name}={}", show::name(&value)),
                None => format!("    {name} is unset"),
            }
        });
        std::iter::once(format!("{}:", show::name(&job.name))).chain(lines)
    }))
}

/// `--dry-run`: for each job its name and its words.
pub(crate) fn plan(jobs: &[Job]) -> Result<()> {
    let mut lines = Vec::new();
    for job in jobs {
        let words: Vec<String> = job.plan.words()?.iter().map(|w| shell_word(w)).collect();
        lines.push(format!("{}: {}", show::name(&job.name), words.join(" ")));
    }
    print(lines)
}

/// A word as it could be typed.
fn shell_word(word: &OsStr) -> String {
    let shown = show::name(word).to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if shown.chars().all(plain) || shown.starts_with("$'") || shown == "''" {
        return shown;
    }
    format!("'{}'", shown.replace('\'', "'\\''"))
}

fn print(lines: impl IntoIterator<Item = String>) -> Result<()> {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    let mut out = std::io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|cause| Error::io("write", "standard output", cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_can_be_pasted_back() {
        for (word, shown) in [
            ("--x=1", "--x=1"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
            ("\n", "$'\\n'"),
        ] {
            assert_eq!(shell_word(OsStr::new(word)), shown);
        }
    }
}
