//! What `--list`, `--env` and `--dry-run` print.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

use common::{Error, Result, show};

use crate::clients::Kind;
use crate::job::{Job, PoolView};
use crate::which::Choice;

/// `--list`: a line for each implementation, its name, version and interpreter apart by tabs.
pub(crate) fn list(choices: &[Choice]) -> Result<()> {
    let mut text = String::new();
    for choice in choices {
        match choice {
            Choice::Implementation(one) => {
                let (name, version) = (&one.implementation, &one.facts.version);
                text.push_str(&format!("{name}\t{version}\t{}\n", show::path(&one.path)));
            }
            Choice::Variant(word) => text.push_str(&format!("{}\n", show::name(word))),
        }
    }
    print(&text)
}

/// `--env`: for each job its name, then what differs from our own environment.
///
/// The pool is not there yet: `run_dir` is where it would be.
pub(crate) fn environment(jobs: &[Job], run_dir: &Path) -> Result<()> {
    let pool = &PoolView {
        fifo: run_dir.join("pool"),
        slots: 1,
        share: 1,
    };
    let mut text = String::new();
    for job in jobs {
        text.push_str(&format!("{}:\n", show::name(&job.name)));
        for (name, value) in job.plan.changes(pool, Kind::Fifo) {
            match value {
                Some(value) => text.push_str(&format!(
                    "    {}={}\n",
                    show::name(&name),
                    show::name(&value)
                )),
                None => text.push_str(&format!("    {} is unset\n", show::name(&name))),
            }
        }
    }
    print(&text)
}

/// `--dry-run`: for each job its name and its words.
pub(crate) fn plan(jobs: &[Job]) -> Result<()> {
    let mut text = String::new();
    for job in jobs {
        text.push_str(&format!("{}:", show::name(&job.name)));
        for word in job.plan.words()? {
            text.push_str(&format!(" {}", shell_word(&word)));
        }
        text.push('\n');
    }
    print(&text)
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

fn print(text: &str) -> Result<()> {
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
