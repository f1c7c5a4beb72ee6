//! Finds the Pythons of this machine and learns from each what it is.
//!
//! In: the names or paths that were asked for, or nothing for all there are, and the [`Places`] to look
//! at. Out: [`Interpreter`]s, and what was skipped and why. Each candidate is run at most once, all names
//! at the same time, with a time limit. What an interpreter says of itself counts, not its file name.

mod candidates;
mod probe;
mod pyenv;
mod version_directory;

pub(crate) use candidates::Places;
#[cfg(test)]
pub(crate) use probe::DebianLayout;
pub(crate) use probe::Facts;

use std::path::{Path, PathBuf};
use std::thread;

use common::implementation::Family;
use common::{Error, Implementation, show};

use crate::ask::{self, Probes};
use candidates::Candidate;

/// A Python that answered.
#[derive(Debug, Clone)]
pub(crate) struct Interpreter {
    pub(crate) implementation: Implementation,
    /// What it is started by: an absolute path.
    pub(crate) path: PathBuf,
    pub(crate) facts: Facts,
}

/// A candidate that is no Python for us, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skipped {
    pub(crate) path: PathBuf,
    pub(crate) why: String,
}

impl Skipped {
    /// Whether it might have answered on a machine with less to do.
    pub(crate) fn is_late(&self) -> bool {
        self.why.starts_with(ask::LATE)
    }
}

/// What the search gave.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In the order in which they were asked for, or in the order of preference, least preferred first.
    pub(crate) interpreters: Vec<Interpreter>,
    pub(crate) skipped: Vec<Skipped>,
}

/// One Python that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    Name(Implementation),
    Path(PathBuf),
}

/// Every Python there is.
pub(crate) fn all(places: &Places, probes: &Probes) -> Found {
    all_of(&candidates::names(places), places, probes)
}

fn all_of(names: &[Implementation], places: &Places, probes: &Probes) -> Found {
    let answers = in_parallel(names, |name| by_name(name, places, probes));
    let mut found = Found::default();
    for answer in answers {
        found.skipped.extend(answer.skipped);
        found.interpreters.extend(answer.interpreter);
    }
    found
        .interpreters
        .sort_by(|a, b| a.implementation.cmp(&b.implementation));
    forget_second_names(&mut found.interpreters);
    found
}

/// The Pythons that were asked for, in that order.
///
/// # Errors
/// One for each that is not there, with what is there instead; one for each that comes twice.
pub(crate) fn wanted(
    wanted: &[Wanted],
    places: &Places,
    probes: &Probes,
) -> Result<Found, Vec<Error>> {
    let answers = in_parallel(wanted, |one| match one {
        Wanted::Name(name) => by_name(name, places, probes),
        Wanted::Path(path) => by_path(path, places, probes),
    });
    let mut found = Found::default();
    let mut missing = Vec::new();
    for (one, answer) in wanted.iter().zip(answers) {
        match answer.interpreter {
            Some(interpreter) => found.interpreters.push(interpreter),
            None => missing.push((one, answer.skipped.clone())),
        }
        found.skipped.extend(answer.skipped);
    }
    if !missing.is_empty() {
        let there = listed(&all_but(&missing, places, probes));
        return Err(missing
            .into_iter()
            .map(|(one, skipped)| not_there(one, &skipped, &there))
            .collect());
    }
    let twice = repeated(&found.interpreters);
    if twice.is_empty() {
        Ok(found)
    } else {
        Err(twice)
    }
}

/// Every Python but those that have just been asked for in vain.
fn all_but(missing: &[(&Wanted, Vec<Skipped>)], places: &Places, probes: &Probes) -> Found {
    let in_vain = |name: &Implementation| {
        let asked = |one: &Wanted| matches!(one, Wanted::Name(asked) if asked == name);
        missing.iter().any(|(one, _)| asked(one))
    };
    let mut names = candidates::names(places);
    names.retain(|name| !in_vain(name));
    all_of(&names, places, probes)
}

/// What became of one that was looked for.
#[derive(Debug)]
struct Answer {
    interpreter: Option<Interpreter>,
    skipped: Vec<Skipped>,
}

fn in_parallel<T: Sync>(items: &[T], look: impl Fn(&T) -> Answer + Sync) -> Vec<Answer> {
    thread::scope(|scope| {
        let look = &look;
        let running: Vec<_> = items
            .iter()
            .map(|item| {
                let look = move || look(item);
                (item, thread::Builder::new().spawn_scoped(scope, look))
            })
            .collect();
        running
            .into_iter()
            .map(|(item, started)| match started {
                Ok(one) => one
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // There are no more threads to be had: then one after the other.
                Err(_) => look(item),
            })
            .collect()
    })
}

/// The first candidate that answers and is what its name says.
fn by_name(name: &Implementation, places: &Places, probes: &Probes) -> Answer {
    let mut skipped = Vec::new();
    for candidate in candidates::of(name, places) {
        let (path, learned) = match candidate {
            Candidate::Run(path) => {
                let learned = probe::run(&path, probes).and_then(|facts| fits(name, facts));
                (path, learned)
            }
            Candidate::Skip(path, why) => (path, Err(why)),
        };
        match learned {
            Ok(facts) => {
                let interpreter = Some(Interpreter {
                    implementation: name.clone(),
                    path,
                    facts,
                });
                return Answer {
                    interpreter,
                    skipped,
                };
            }
            Err(why) => skipped.push(Skipped { path, why }),
        }
    }
    Answer {
        interpreter: None,
        skipped,
    }
}

fn by_path(path: &Path, places: &Places, probes: &Probes) -> Answer {
    let (path, learned) = match candidates::at(path.to_owned(), places) {
        Candidate::Run(path) => {
            let learned = probe::run(&path, probes);
            (path, learned)
        }
        Candidate::Skip(path, why) => (path, Err(why)),
    };
    match learned {
        Ok(facts) => {
            let implementation = name_at(&path, &facts);
            let interpreter = Some(Interpreter {
                implementation,
                path,
                facts,
            });
            Answer {
                interpreter,
                skipped: Vec::new(),
            }
        }
        Err(why) => {
            let skipped = vec![Skipped { path, why }];
            Answer {
                interpreter: None,
                skipped,
            }
        }
    }
}

/// The name of an interpreter that was given by its path: its file name where that is true, so that
/// `/usr/bin/pypy3` stays `pypy3`, else what the interpreter says.
fn name_at(path: &Path, facts: &Facts) -> Implementation {
    path.file_name()
        .and_then(|name| name.to_str()?.parse().ok())
        .filter(|name| facts.bears(name))
        .unwrap_or_else(|| facts.implementation.clone())
}

fn fits(name: &Implementation, facts: Facts) -> Result<Facts, String> {
    if facts.bears(name) {
        Ok(facts)
    } else {
        Err(format!("says that it is {}", facts.implementation))
    }
}

/// `pypy3` and `pypy3.11` may be one interpreter: the shorter name stays.
fn forget_second_names(sorted: &mut Vec<Interpreter>) {
    let short: Vec<Implementation> = sorted
        .iter()
        .filter(|i| i.implementation.version().1.is_none())
        .map(|i| i.facts.implementation.clone())
        .collect();
    sorted.retain(|i| {
        let full = i.implementation.version().1.is_some();
        !(full && i.implementation.family() == Family::PyPy && short.contains(&i.implementation))
    });
}

fn repeated(interpreters: &[Interpreter]) -> Vec<Error> {
    let mut errors = Vec::new();
    for (at, interpreter) in interpreters.iter().enumerate() {
        let name = &interpreter.implementation;
        if interpreters[..at]
            .iter()
            .any(|earlier| earlier.implementation == *name)
        {
            let cause = format!(
                "{} is {name}, which comes twice",
                interpreter.path.display()
            );
            errors.push(Error::refused("select", name.to_string(), cause));
        }
    }
    errors
}

fn listed(found: &Found) -> String {
    if found.interpreters.is_empty() {
        return "no Python was found".to_owned();
    }
    let names: Vec<String> = found
        .interpreters
        .iter()
        .map(|i| i.implementation.to_string())
        .collect();
    format!("found: {}", names.join(" "))
}

fn not_there(one: &Wanted, skipped: &[Skipped], there: &str) -> Error {
    match one {
        Wanted::Name(name) => {
            let tried = skipped
                .iter()
                .map(|s| format!("{}: {}", show::path(&s.path), s.why));
            let tried: Vec<String> = tried.collect();
            let why = if tried.is_empty() {
                "it is not here".to_owned()
            } else {
                tried.join("; ")
            };
            Error::refused("find", name.to_string(), format!("{why}; {there}"))
        }
        Wanted::Path(path) => {
            let why = skipped.first().map_or(ask::LATE, |s| s.why.as_str());
            Error::refused("ask", path.as_os_str(), why)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interpreter(name: &str, really: &str) -> Interpreter {
        Interpreter {
            implementation: name.parse().unwrap(),
            path: format!("/bin/{name}").into(),
            facts: Facts::for_tests(really),
        }
    }

    #[test]
    fn a_pypy_with_two_names_is_listed_once() {
        let mut all = vec![
            interpreter("pypy3", "pypy3.9"),
            interpreter("pypy3.9", "pypy3.9"),
            interpreter("pypy3.10", "pypy3.10"),
            interpreter("python3.9", "python3.9"),
        ];
        forget_second_names(&mut all);
        let names: Vec<_> = all.iter().map(|i| i.implementation.to_string()).collect();
        assert_eq!(names, ["pypy3", "pypy3.10", "python3.9"]);
    }

    #[test]
    fn a_repeat_is_an_error() {
        let all = [
            interpreter("python3.9", "python3.9"),
            interpreter("python3.9", "python3.9"),
        ];
        let errors = repeated(&all);
        assert_eq!(
            errors[0].to_string(),
            "select python3.9: /bin/python3.9 is python3.9, which comes twice"
        );
    }

    #[test]
    fn the_file_name_counts_only_where_it_is_true() {
        let facts = Facts::for_tests("pypy3.9");
        assert_eq!(
            name_at(Path::new("/usr/bin/pypy3"), &facts).to_string(),
            "pypy3"
        );
        assert_eq!(
            name_at(Path::new("/usr/bin/python3.9"), &facts).to_string(),
            "pypy3.9"
        );
        assert_eq!(
            name_at(Path::new("/usr/bin/python"), &facts).to_string(),
            "pypy3.9"
        );
    }
}
