//! Which runs there are, in declared order.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use common::cli::Verbosity;
use common::error::eprint_line;
use common::{Error, Implementation, show};

use crate::TOOL;
use crate::ask::Probes;
use crate::cli::{Settings, Which};
use crate::discover::{self, Found, Interpreter, Places, Wanted};
use crate::identity;
use crate::words;

/// One run.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// For a Python.
    Implementation(Box<Interpreter>),
    /// For a word that means nothing to us.
    Variant(OsString),
}

impl Choice {
    /// The word that stands for the run: the variant, or the implementation's target spelling.
    pub(crate) fn variant(&self) -> OsString {
        match self {
            Self::Implementation(interpreter) => interpreter.implementation.target().into(),
            Self::Variant(word) => word.clone(),
        }
    }

    /// EPYTHON, or the variant.
    pub(crate) fn name(&self) -> OsString {
        match self {
            Self::Implementation(interpreter) => interpreter.implementation.to_string().into(),
            Self::Variant(word) => word.clone(),
        }
    }
}

/// The variable that names the implementations where no option does.
const TARGETS: &str = "PYTHON_TARGETS";

/// Decides which runs there are to be; `probes` knows which interpreters are being asked.
///
/// # Errors
/// All that is wrong with the words, in their order.
pub(crate) fn select(settings: &Settings, probes: &Probes) -> Result<Vec<Choice>, Vec<Error>> {
    match &settings.which {
        Which::Variants(names) => variants(names),
        Which::Implementations(words) => implementations(words, settings.verbosity(), probes),
    }
}

fn variants(names: &[OsString]) -> Result<Vec<Choice>, Vec<Error>> {
    let mut seen = HashSet::new();
    collect(names.iter().map(|name| {
        identity::check(name)?;
        if !seen.insert(name) {
            return Err(Error::refused("use variant", name, "it comes twice"));
        }
        Ok(Choice::Variant(name.clone()))
    }))
}

fn implementations(
    words: &[OsString],
    verbosity: Verbosity,
    probes: &Probes,
) -> Result<Vec<Choice>, Vec<Error>> {
    let here = std::env::current_dir()
        .map_err(|cause| vec![Error::io("find", "working directory", cause)])?;
    let places = Places::new(|name| std::env::var_os(name), &here);
    let mut wanted = read("select", words, &here)?;
    if wanted.is_empty() {
        let words = words::split(&std::env::var_os(TARGETS).unwrap_or_default());
        wanted = read(&format!("select from {TARGETS}"), &words, &here)?;
        wanted.sort_by(|a, b| name_of(a).cmp(&name_of(b)));
    }
    let found = if wanted.is_empty() {
        discover::all(&places, probes)
    } else {
        discover::wanted(&wanted, &places, probes)?
    };
    say_skipped(&found, verbosity);
    if found.interpreters.is_empty() {
        let cause = "there is no Python on PATH or below PYENV_ROOT";
        return Err(vec![Error::said("find implementations", cause)]);
    }
    let choices = found.interpreters.into_iter().map(Box::new);
    Ok(choices.map(Choice::Implementation).collect())
}

/// Says what was skipped; what was merely late is always said, since the next run may find it.
fn say_skipped(found: &Found, verbosity: Verbosity) {
    let said = found.skipped.iter().filter(|skipped| match verbosity {
        Verbosity::Verbose => true,
        Verbosity::Normal | Verbosity::Quiet => skipped.refusal.is_late,
    });
    for skipped in said {
        let path = show::path(&skipped.path);
        eprint_line(&format!("{TOOL}: skip {path}: {}", skipped.refusal.why));
    }
}

/// Reads the words of `-i`: a name in either spelling, or the path of an interpreter. `verb` begins each error.
fn read(verb: &str, words: &[OsString], here: &Path) -> Result<Vec<Wanted>, Vec<Error>> {
    collect(words.iter().map(|word| read_one(verb, word, here)))
}

/// All values, or all errors.
fn collect<T>(results: impl Iterator<Item = Result<T, Error>>) -> Result<Vec<T>, Vec<Error>> {
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(values)
    } else {
        Err(errors)
    }
}

fn read_one(verb: &str, word: &OsStr, here: &Path) -> Result<Wanted, Error> {
    if word.as_bytes().contains(&b'/') {
        return Ok(Wanted::Path(here.join(word)));
    }
    let name: Option<Implementation> = word.to_str().and_then(|word| word.parse().ok());
    name.map(Wanted::Name).ok_or_else(|| {
        let cause = "names no implementation (python3.12, python3_12, pypy3 do) and is no path";
        Error::refused(verb, word, cause)
    })
}

fn name_of(wanted: &Wanted) -> Option<&Implementation> {
    match wanted {
        Wanted::Name(name) => Some(name),
        Wanted::Path(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn names_and_paths_are_read() {
        let read = read(
            "select",
            &words(&["python3_12", "./bin/python"]),
            Path::new("/here"),
        )
        .unwrap();
        let expected = [
            Wanted::Name("python3.12".parse().unwrap()),
            Wanted::Path("/here/./bin/python".into()),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn all_that_is_wrong_is_said() {
        let given = words(&["python3.12", "python3", "x"]);
        let errors = read("select", &given, Path::new("/")).unwrap_err();
        let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 2);
        assert!(said[0].starts_with("select python3: names no implementation"));
        let errors = variants(&words(&["a", "b/c", "a"])).unwrap_err();
        assert_eq!(errors[1].to_string(), "use variant a: it comes twice");
    }
}
