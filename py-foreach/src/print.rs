//! What `--list`, `--env` and `--dry-run` print.

use std::io::Write;

use common::{Error, Result, show};

use crate::environment::Job;
use crate::job::PoolView;
use crate::select::Choice;
use crate::words::typed;

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
        let changes = job.changes(pool).into_iter();
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
        let words: Vec<String> = job.words()?.iter().map(|w| typed(w)).collect();
        lines.push(format!("{}: {}", show::name(&job.name), words.join(" ")));
    }
    print(lines)
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
