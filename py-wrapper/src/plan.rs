//! Decides what is done with every name of an image's bin directories: pure code on what was read.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use common::{Error, Implementation, show};

use crate::image::{Entry, EntryKind, Executable, Occupant};
use crate::layout::Layout;
use crate::script::{self, Class, Head};
use crate::wrapper;

/// What is done with an image. It can be applied or printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One decision for each name, in the order of the bin directories and names.
    pub decisions: Vec<Decision>,
}

/// What is done with one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The bin directory on the installed system.
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
    Wrap(Edition),
    /// The script is installed for several implementations and gets a wrapper.
    Replicate(Origin, Vec<Edition>),
    /// It is a wrapper already.
    Keep,
    /// It stays as it is, for this reason.
    Leave(String),
    /// The image may not be changed because of it, for this reason.
    Refuse(String),
    /// A killed run left it; it is removed.
    Clean,
}

/// Where a script is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In the image, where its wrapper will be.
    Image,
    /// A file that the user named.
    File(PathBuf),
}

/// A script as one implementation gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// The implementation.
    pub implementation: Implementation,
    /// How the script begins.
    pub head: Head,
    /// Whether it is in its place already, as a killed run leaves it.
    pub is_there: bool,
}

impl Edition {
    /// The edition of a file with the content `ours` if its place has `there`; `None` if that is another file.
    pub(crate) fn new(
        implementation: &Implementation,
        head: Head,
        ours: &[u8],
        there: &Occupant,
    ) -> Option<Self> {
        let is_there = match there {
            Occupant::Nothing => false,
            Occupant::File(theirs) if *theirs == head.replace(ours) => true,
            Occupant::File(_) | Occupant::Other => return None,
        };
        Some(Self {
            implementation: implementation.clone(),
            head,
            is_there,
        })
    }
}

impl Decision {
    /// The path that users of the installed system know.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.bindir.join(&self.name)
    }

    /// What becomes of a script that gets a wrapper: where it is, and its editions.
    pub(crate) fn wrapping(&self) -> Option<(&Origin, &[Edition])> {
        match &self.action {
            Action::Wrap(edition) => Some((&Origin::Image, std::slice::from_ref(edition))),
            Action::Replicate(origin, editions) => Some((origin, editions)),
            _ => None,
        }
    }

    /// Whether carrying it out changes something.
    pub(crate) fn changes(&self) -> bool {
        self.wrapping().is_some() || self.action == Action::Clean
    }
}

impl Plan {
    /// The refusals as errors with the paths in `image`.
    pub(crate) fn refusals(&self, image: &Path) -> Vec<Error> {
        let refusal = |decision: &Decision| match &decision.action {
            Action::Refuse(why) => {
                let path = decision.path();
                let path = image.join(path.strip_prefix("/").unwrap_or(&path));
                Some(Error::refused("wrap", path, why))
            }
            _ => None,
        };
        self.decisions.iter().filter_map(refusal).collect()
    }
}

/// What decisions depend on besides the image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) layout: &'a Layout,
    /// Whether scripts of other implementations are rewritten.
    pub(crate) force: bool,
    /// The image's path, which no script may name.
    pub(crate) image: &'a Path,
}

/// Decides on everything that was found in the image of `implementation`.
pub(crate) fn plan(entries: Vec<Entry>, implementation: &Implementation, rules: Rules<'_>) -> Plan {
    let mut owners: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    let decide = |Entry { bindir, name, is }| {
        let mut action = match is {
            EntryKind::Executable(file) => decide_executable(&file, implementation, rules),
            other => decide_other(&other, &bindir, &name, rules.layout),
        };
        if let Action::Wrap(_) = action {
            if let Some(first) = owners.insert(name.clone(), bindir.join(&name)) {
                let first = show::path(&first);
                action = Action::Refuse(format!("{first} is a script of the same name"));
            }
        }
        Decision {
            bindir,
            name,
            action,
        }
    };
    let decisions = entries.into_iter().map(decide).collect();
    Plan { decisions }
}

fn decide_other(is: &EntryKind, bindir: &Path, name: &OsStr, layout: &Layout) -> Action {
    let leave = |why: &str| Action::Leave(why.to_owned());
    let refuse = |why: &str| Action::Refuse(why.to_owned());
    match is {
        EntryKind::Link(target) if wrapper::is_link_to(target, layout, bindir) => Action::Keep,
        EntryKind::Link(target) => Action::Leave(format!("a symlink to {}", show::path(target))),
        EntryKind::LinkedBindir => leave("a symlink"),
        EntryKind::Directory if name == "__pycache__" => leave("a cache"),
        EntryKind::Directory => refuse("is a directory"),
        EntryKind::Leftover => Action::Clean,
        EntryKind::Precious => refuse(
            "is a script that a failed or killed run kept under this name: rename it back, or remove it",
        ),
        EntryKind::Plain => leave("a file that is not executable"),
        EntryKind::Special | EntryKind::Executable(_) => leave("a special file"),
    }
}

fn decide_executable(
    file: &Executable,
    implementation: &Implementation,
    rules: Rules<'_>,
) -> Action {
    if wrapper::is_wrapper(&file.head) {
        return Action::Keep;
    }
    let head = match script::classify(&file.head, implementation, rules.layout, rules.image) {
        Class::Ours(head) => head,
        Class::Foreign(_, head) if rules.force => head,
        Class::Foreign(named, _) => {
            let named = show::name(&named);
            return Action::Refuse(format!("its first line names {named}; --force rewrites it"));
        }
        Class::Other(why) => return Action::Leave(why.to_owned()),
        Class::Unfit(why) => return Action::Refuse(why.to_owned()),
    };
    let (ours, there) = match &file.rival {
        Some((ours, there)) => (ours.as_slice(), there),
        None => (&[][..], &Occupant::Nothing),
    };
    match Edition::new(implementation, head, ours, there) {
        Some(edition) => Action::Wrap(edition),
        None => {
            let scripts = rules.layout.scripts(implementation);
            let scripts = show::path(&scripts);
            Action::Refuse(format!("{scripts} has a different script of that name"))
        }
    }
}
