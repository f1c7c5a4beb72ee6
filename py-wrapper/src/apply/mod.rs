//! Carries out a plan. An image is wrapped as a whole or not at all.
//!
//! First all files are made beside their places under temporary names, then they are renamed. Until the last rename every
//! step can be undone, and is when one fails or a signal comes. A killed run leaves each script either where it was or
//! moved and with its wrapper, and temporary names that the next run removes.

mod folders;
mod make;
mod metadata;
mod source;
mod transaction;
mod undo;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use common::{Error, Interrupts, Result};

use crate::image::{self, Folder, RECORD, RecordFile};
use crate::plan::{Action, Decision, Edition, Origin, Plan};
use crate::record::{self, Moved, Moves, Sum};
use crate::settings::Settings;
use crate::wrapper::Wrapper;
use make::{Making, MakingEdition};
use transaction::{Name, Transaction};

/// Applies `plan` to the image. On an error nothing is changed, and all that went wrong is returned.
pub(crate) fn apply(
    image: &Folder,
    plan: &Plan,
    settings: &Settings,
    interrupts: &Interrupts,
) -> Result<(), Vec<Error>> {
    if !plan.decisions.iter().any(Decision::changes) {
        return Ok(());
    }
    let _hold = interrupts.hold();
    let mut transaction = Transaction::new(image, settings, interrupts);
    match carry_out(plan, &mut transaction) {
        Ok(()) => transaction.settle(),
        Err(error) => Err(transaction.roll_back(error)),
    }
}

/// The wrapper of each bin directory, with its columns in a RECORD.
type Wrappers<'a> = BTreeMap<&'a Path, (Wrapper, Sum)>;

fn carry_out(plan: &Plan, transaction: &mut Transaction<'_>) -> Result<()> {
    let layout = &transaction.settings.layout;
    let records = image::find_records(transaction.folders.image, &layout.bindirs)?;
    remove_leftovers(plan, &records, transaction)?;
    let wrappers = wrappers(transaction.settings);
    let mut makings = Vec::new();
    for decision in &plan.decisions {
        makings.extend(lay_out(decision, &wrappers, transaction)?);
    }
    let sums = make::all(&makings, transaction)?;
    let mut moves = Moves::new();
    for (making, sums) in makings.iter().zip(sums) {
        let editions = making.editions.iter().map(|making| making.edition);
        let script = |edition: &Edition| layout.scripts(&edition.implementation).join(making.name);
        let places = Moved {
            scripts: editions.map(script).zip(sums).collect(),
            wrapper: wrappers[making.bindir.way()].1.clone(),
        };
        moves.insert(making.bindir.way().join(making.name), places);
    }
    let scripts = transaction.reserved();
    for file in &records {
        update(file, &moves, transaction)?;
    }
    // Records get their names first: if a run is killed after them, the next run wraps the scripts, and then their
    // lines are right. The other way round no run would look at the records again.
    transaction.commit(scripts)
}

/// Removes what a killed run left.
fn remove_leftovers(
    plan: &Plan,
    records: &[RecordFile],
    transaction: &mut Transaction<'_>,
) -> Result<()> {
    let is_clean = |decision: &&Decision| decision.action == Action::Clean;
    for decision in plan.decisions.iter().filter(is_clean) {
        transaction
            .existing(&decision.bindir)?
            .remove(&decision.name)?;
    }
    for file in records.iter().filter(|file| !file.leftovers.is_empty()) {
        let folder = transaction.existing(&file.directory)?;
        for name in &file.leftovers {
            folder.remove(name)?;
        }
    }
    Ok(())
}

fn wrappers(settings: &Settings) -> Wrappers<'_> {
    let wrapper = |bindir: &'_ PathBuf| {
        let wrapper = Wrapper::new(settings.kind, &settings.layout, bindir);
        let sum = match &wrapper {
            Wrapper::Text(text) => Sum::of(text),
            Wrapper::Link(_) => Sum::of_link(),
        };
        (wrapper, sum)
    };
    let bindirs = settings.layout.bindirs.iter();
    bindirs
        .map(|bindir| (bindir.as_path(), wrapper(bindir)))
        .collect()
}

/// Names the files of a script that gets a wrapper, and makes the directories for them.
fn lay_out<'a>(
    decision: &'a Decision,
    wrappers: &'a Wrappers<'_>,
    transaction: &mut Transaction<'_>,
) -> Result<Option<Making<'a>>> {
    let Some((origin, editions)) = decision.wrapping() else {
        return Ok(None);
    };
    let (bindir, name) = (decision.bindir.as_path(), decision.name.as_os_str());
    let (like, wrapper_place) = match origin {
        Origin::Image => (transaction.existing(bindir)?.attributes()?, Name::Taken),
        Origin::File(_) => (transaction.folders.image.attributes()?, Name::Free),
    };
    let mut makings = Vec::new();
    for edition in editions {
        let mut place = None;
        if !edition.is_there {
            let way = transaction.settings.layout.scripts(&edition.implementation);
            let folder = transaction.made(&way, &like)?;
            place = Some((folder, transaction.reserve(&way, name, Name::Free)));
        }
        makings.push(MakingEdition { edition, place });
    }
    Ok(Some(Making {
        origin,
        name,
        bindir: transaction.made(bindir, &like)?,
        editions: makings,
        wrapper: &wrappers[bindir].0,
        wrapper_name: transaction.reserve(bindir, name, wrapper_place),
    }))
}

/// Makes the RECORD with the new lines, if it names one of the scripts.
fn update(file: &RecordFile, moves: &Moves, transaction: &mut Transaction<'_>) -> Result<()> {
    let base = file.directory.parent().unwrap_or(&file.directory);
    let Some(content) = record::updated(&file.content, base, moves) else {
        return Ok(());
    };
    let folder = transaction.existing(&file.directory)?;
    let name = OsStr::new(RECORD);
    let temporary = transaction.reserve(&file.directory, name, Name::Taken);
    let (old, it) = (folder.open(name)?, folder.stat(name)?);
    let new = folder.create(&temporary, &content)?;
    let copied = metadata::copy(&old, &it, &new);
    copied.map_err(folder.failed_at("set attributes of", &temporary))
}
