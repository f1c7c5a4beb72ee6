//! The decision over every name of an image's bin directories: pure, on what was read.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use common::{Error, Implementation, show};

use crate::image::survey::{Entry, Executable, Found, Survey};
use crate::options::Options;
use crate::script::{self, Class, Head};
use crate::wrapper;

/// What will be done with an image. It can be applied or printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One decision for each name, in the order of the bin directories and names.
    pub decisions: Vec<Decision>,
    /// Bin directories that are symlinks.
    pub linked: Vec<PathBuf>,
}

/// What will be done with one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The bin directory as the installed system sees it.
    pub bindir: PathBuf,
    /// The name in it.
    pub name: OsString,
    /// What is done.
    pub action: Action,
}

/// What is done with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The script moves and a wrapper takes its place.
    Wrap(Wrap),
    /// A script of `--replicate` is installed for this implementation, and a wrapper for all of them.
    Replicate(Wrap),
    /// It is a wrapper already.
    Keep,
    /// It stays as it is, with the reason.
    Leave(String),
    /// It forbids to touch the image, with the reason.
    Refuse(String),
    /// A temporary name of a run that was killed goes away.
    Clean,
}

/// How a script is wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrap {
    /// How the moved script begins.
    pub head: Head,
    /// Whether the script is in its place already, as a killed run leaves it.
    pub is_there: bool,
}

impl Decision {
    /// The path that users of the installed system know.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.bindir.join(&self.name)
    }

    /// Whether carrying it out would change something.
    pub(crate) fn changes(&self) -> bool {
        matches!(self.action, Action::Wrap(_) | Action::Clean)
    }
}

impl Plan {
    /// Everything that forbids to touch the image, as errors; their paths are the installed system's, so that one
    /// of many images is to be named.
    pub(crate) fn refusals(&self, one_of_many: Option<&Path>) -> Vec<Error> {
        let image = one_of_many.map(|image| format!(" (in {})", show::path(image)));
        let image = image.unwrap_or_default();
        let refusal = |decision: &Decision| match &decision.action {
            Action::Refuse(why) => {
                let why = format!("{why}{image}");
                Some(Error::refused("wrap", decision.path(), why))
            }
            _ => None,
        };
        self.decisions.iter().filter_map(refusal).collect()
    }

    /// The scripts to wrap.
    pub(crate) fn wraps(&self) -> impl Iterator<Item = (&Decision, &Wrap)> {
        self.decisions
            .iter()
            .filter_map(|decision| match &decision.action {
                Action::Wrap(wrap) => Some((decision, wrap)),
                _ => None,
            })
    }

    /// Whether applying it would change something.
    pub(crate) fn changes(&self) -> bool {
        self.decisions.iter().any(Decision::changes)
    }
}

/// What the decisions rest on besides the image itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) implementation: &'a Implementation,
    pub(crate) options: &'a Options,
    /// The image's path, which no script may name.
    pub(crate) image: &'a Path,
}

/// Decides over everything that was found.
pub(crate) fn plan(survey: Survey, rules: Rules<'_>) -> Plan {
    let mut owners: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    let mut decisions = Vec::new();
    for Entry { bindir, name, file } in survey.entries {
        let mut action = decide(&bindir, &name, &file, rules);
        if let Action::Wrap(_) = action {
            let path = bindir.join(&name);
            if let Some(first) = owners.insert(name.clone(), path) {
                let first = show::path(&first).to_string();
                action = Action::Refuse(format!("{first} is a script of the same name"));
            }
        }
        decisions.push(Decision {
            bindir,
            name,
            action,
        });
    }
    Plan {
        decisions,
        linked: survey.linked,
    }
}

fn decide(bindir: &Path, name: &OsStr, found: &Found, rules: Rules<'_>) -> Action {
    let leave = |why: &str| Action::Leave(why.to_owned());
    match found {
        Found::Executable(file) => decide_executable(file, rules),
        Found::Plain => leave("a file that is not executable"),
        Found::Link(target) if wrapper::is_link_to(target, &rules.options.layout, bindir) => Action::Keep,
        Found::Link(target) => Action::Leave(format!("a symlink to {}", show::path(target))),
        Found::Directory if name == "__pycache__" => leave("a cache"),
        Found::Directory => Action::Refuse("is a directory".to_owned()),
        Found::Special => leave("a special file"),
        Found::Stale => Action::Clean,
        Found::Kept => Action::Refuse(
            "is what a run that failed or was killed kept of a script: name it as it was, or remove it".to_owned(),
        ),
    }
}

fn decide_executable(file: &Executable, rules: Rules<'_>) -> Action {
    if wrapper::is_wrapper(&file.head) {
        return Action::Keep;
    }
    let class = script::classify(
        &file.head,
        rules.implementation,
        &rules.options.layout,
        rules.image,
    );
    let head = match class {
        Class::Ours(head) => head,
        Class::Foreign(_, head) if rules.options.force => head,
        Class::Foreign(named, _) => {
            let named = show::name(&named).to_string();
            return Action::Refuse(format!("its first line names {named}; --force rewrites it"));
        }
        Class::Other(why) => return Action::Leave(why.to_owned()),
        Class::Unfit(why) => return Action::Refuse(why.to_owned()),
    };
    let is_there = match &file.rival {
        None => false,
        Some(rival) if rival.theirs.as_ref() == Some(&head.exchange(&rival.ours)) => true,
        Some(_) => {
            let scripts = rules.options.layout.scripts(rules.implementation);
            let scripts = show::path(&scripts).to_string();
            return Action::Refuse(format!("{scripts} has a different script of that name"));
        }
    };
    Action::Wrap(Wrap { head, is_there })
}
