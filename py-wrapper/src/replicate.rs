//! `--replicate`: one script for several implementations, as Gentoo's `python_replicate_script` has it.
//!
//! A file in a bin directory of the image is replaced there. Any other file comes to the first bin directory.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::{Error, Implementation, Result, show};

use crate::image::{Descent, EntryKind, Folder, Occupant, occupant, open_existing, survey};
use crate::plan::{Action, Decision, Edition, Origin, Plan, Rules, plan};
use crate::script::{self, Class};
use crate::wrapper;

/// Reads the files and decides. All that is wrong is in the second part.
pub(crate) fn prepare(
    image: &Folder,
    files: &[PathBuf],
    implementations: &[Implementation],
    rules: Rules<'_>,
) -> Result<Plan, Vec<Error>> {
    let entries = survey(image, rules.layout, &implementations[0]);
    let mut entries = entries.map_err(|error| vec![error])?;
    entries.retain(|entry| entry.is == EntryKind::Leftover);
    let mut plan = plan(entries, &implementations[0], rules);
    let mut errors = Vec::new();
    for file in files {
        match decide(image, file, implementations, rules) {
            Ok(new) if plan.decisions.iter().any(|other| other.name == new.name) => {
                errors.push(refused(file, "another FILE has the same name"));
            }
            Ok(new) => plan.decisions.push(new),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(plan)
    } else {
        Err(errors)
    }
}

fn decide(
    image: &Folder,
    file: &Path,
    implementations: &[Implementation],
    rules: Rules<'_>,
) -> Result<Decision> {
    let layout = rules.layout;
    let Some(name) = file.file_name() else {
        return Err(refused(file, "has no name"));
    };
    let content = fs::read(file).map_err(|cause| Error::io("read", file, cause))?;
    if wrapper::is_wrapper(&content) {
        return Err(refused(file, "is a wrapper already"));
    }
    let (bindir, origin) = match bindir_of(image, file, &layout.bindirs) {
        Some(bindir) => (bindir.clone(), Origin::Image),
        None => (layout.bindirs[0].clone(), Origin::File(file.to_owned())),
    };
    let is_taken =
        |place: &Path| Error::refused("replicate to", place.join(name), "is there already");
    if origin != Origin::Image {
        let bindir = open_existing(image, &bindir)?;
        if occupant(bindir.as_ref(), name)? != Occupant::Nothing {
            return Err(is_taken(&layout.bindirs[0]));
        }
    }
    let edition = |implementation| {
        let head = match script::classify(&content, implementation, layout, rules.image) {
            Class::Ours(head) => head,
            Class::Foreign(named, head) if rules.force || is_kin(&named, implementation) => head,
            Class::Foreign(named, _) => {
                let named = show::name(&named);
                let why =
                    format!("its first line names {named}, which is not for {implementation}");
                return Err(refused(file, &why));
            }
            Class::Other(why) | Class::Unfit(why) => return Err(refused(file, why)),
        };
        let place = layout.scripts(implementation);
        let there = occupant(open_existing(image, &place)?.as_ref(), name)?;
        let edition = Edition::new(implementation, head, &content, &there);
        edition.ok_or_else(|| is_taken(&place))
    };
    let editions = implementations.iter().map(edition).collect::<Result<_>>()?;
    Ok(Decision {
        bindir,
        name: name.to_owned(),
        action: Action::Replicate(origin, editions),
    })
}

fn refused(file: &Path, why: &str) -> Error {
    Error::refused("replicate", file, why)
}

/// Whether a script of the implementation `named` serves this one too: the major version tells.
fn is_kin(named: &str, implementation: &Implementation) -> bool {
    let named = named.parse::<Implementation>();
    named.is_ok_and(|named| named.version().0 == implementation.version().0)
}

/// The bin directory of the image that holds the file, by whichever path the user named it.
fn bindir_of<'a>(image: &Folder, file: &Path, bindirs: &'a [PathBuf]) -> Option<&'a PathBuf> {
    let parent = fs::metadata(Path::new(".").join(file).parent()?).ok()?;
    bindirs.iter().find(|bindir| match image.descend(bindir) {
        Ok(Descent::Found(folder)) => folder.attributes().is_ok_and(|it| {
            (it.identity.device, it.identity.inode) == (parent.dev(), parent.ino())
        }),
        _ => false,
    })
}
