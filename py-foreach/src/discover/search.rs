//! The search for Pythons: all there are, or those that were asked for.

use std::path::{Path, PathBuf};
use std::thread;

use common::implementation::Family;
use common::{Error, Implementation, show};

use super::candidates::{self, Places};
use super::interpreter::{Facts, Interpreter};
use super::probe::{self, Refusal};
use crate::ask::Probes;

/// A candidate that we cannot use, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skipped {
    pub(crate) path: PathBuf,
    pub(crate) refusal: Refusal,
}

/// The result of a search.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In the order in which they were asked for, or in the order of preference, least preferred first.
    pub(crate) interpreters: Vec<Interpreter>,
    pub(crate) skipped: Vec<Skipped>,
}

/// One Python that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Wanted {
    Name(Implementation),
    Path(PathBuf),
}

/// What became of one that was looked for.
#[derive(Debug, Default)]
struct Answer {
    interpreter: Option<Interpreter>,
    skipped: Vec<Skipped>,
}

/// Every Python there is.
pub(crate) fn all(places: &Places, probes: &Probes) -> Found {
    all_of(&candidates::names(places), places, probes)
}

fn all_of(names: &[Implementation], places: &Places, probes: &Probes) -> Found {
    let mut found = Found::default();
    for answer in in_parallel(names, |name| by_name(name, places, probes)) {
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
    let errors = if missing.is_empty() {
        repeated(&found.interpreters)
    } else {
        let mut names = candidates::names(places);
        // They have just been asked for in vain.
        names.retain(|name| {
            !missing
                .iter()
                .any(|(one, _)| **one == Wanted::Name(name.clone()))
        });
        let there = listed(&all_of(&names, places, probes));
        missing
            .iter()
            .map(|(one, skipped)| not_there(one, skipped, &there))
            .collect()
    };
    if errors.is_empty() {
        Ok(found)
    } else {
        Err(errors)
    }
}

fn in_parallel<T: Sync>(items: &[T], look: impl Fn(&T) -> Answer + Sync) -> Vec<Answer> {
    thread::scope(|scope| {
        let look = &look;
        let start = |item| thread::Builder::new().spawn_scoped(scope, move || look(item));
        let running: Vec<_> = items.iter().map(|item| (item, start(item))).collect();
        let answers = running.into_iter().map(|(item, started)| match started {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // At the limit of threads one looks after the other.
            Err(_) => look(item),
        });
        answers.collect()
    })
}

/// The first candidate that answers and is what its name says.
fn by_name(name: &Implementation, places: &Places, probes: &Probes) -> Answer {
    let mut answer = Answer::default();
    for path in candidates::of(name, places) {
        let learned = probe::run(&path, probes).and_then(|facts| {
            let other = format!("says that it is {}", facts.implementation);
            if facts.bears(name) {
                Ok(facts)
            } else {
                Err(Refusal::because(other))
            }
        });
        match learned {
            Ok(facts) => {
                let implementation = name.clone();
                answer.interpreter = Some(Interpreter {
                    implementation,
                    path,
                    facts,
                });
                break;
            }
            Err(refusal) => answer.skipped.push(Skipped { path, refusal }),
        }
    }
    answer
}

fn by_path(path: &Path, places: &Places, probes: &Probes) -> Answer {
    let path = path.to_owned();
    let learned = if places.is_shim(&path) {
        let why = "is a shim of pyenv: name the interpreter itself, below versions";
        Err(Refusal::because(why))
    } else {
        probe::run(&path, probes)
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
                ..Answer::default()
            }
        }
        Err(refusal) => Answer {
            interpreter: None,
            skipped: vec![Skipped { path, refusal }],
        },
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
    for (
        at,
        Interpreter {
            implementation: name,
            path,
            ..
        },
    ) in interpreters.iter().enumerate()
    {
        if interpreters[..at]
            .iter()
            .any(|earlier| earlier.implementation == *name)
        {
            let cause = format!("{} is {name}, which comes twice", path.display());
            errors.push(Error::refused("select", name.to_string(), cause));
        }
    }
    errors
}

fn listed(found: &Found) -> String {
    let names: Vec<String> = found
        .interpreters
        .iter()
        .map(|i| i.implementation.to_string())
        .collect();
    match names.as_slice() {
        [] => "no Python was found".to_owned(),
        names => format!("found: {}", names.join(" ")),
    }
}

fn not_there(one: &Wanted, skipped: &[Skipped], there: &str) -> Error {
    match one {
        Wanted::Name(name) if skipped.is_empty() => {
            Error::refused("find", name.to_string(), format!("it is not here; {there}"))
        }
        Wanted::Name(name) => {
            let tried = skipped
                .iter()
                .map(|s| format!("{}: {}", show::path(&s.path), s.refusal.why));
            let tried: Vec<String> = tried.collect();
            Error::refused(
                "find",
                name.to_string(),
                format!("{}; {there}", tried.join("; ")),
            )
        }
        Wanted::Path(path) => {
            let why = skipped.first().map_or("", |s| s.refusal.why.as_str());
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
        assert_eq!(
            repeated(&all)[0].to_string(),
            "select python3.9: /bin/python3.9 is python3.9, which comes twice"
        );
    }

    #[test]
    fn the_file_name_counts_only_where_it_is_true() {
        let facts = Facts::for_tests("pypy3.9");
        for (path, name) in [
            ("/usr/bin/pypy3", "pypy3"),
            ("/usr/bin/python3.9", "pypy3.9"),
            ("/usr/bin/python", "pypy3.9"),
        ] {
            assert_eq!(name_at(Path::new(path), &facts).to_string(), name);
        }
    }
}
