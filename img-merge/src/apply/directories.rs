//! The directories that several sides have: made if DEST lacks them, and given their metadata at the end.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::fs::metadata::set_owner;
use common::fs::{
    At, Attributes, Dir, FileId, Kind, Published, XattrTarget, Xattrs, apply_metadata,
    publish_directory, split,
};
use common::{Error, lock};
use rustix::fs::Mode;
use rustix::io::Errno;

use super::log::{ChangedMetadata, Done, How};
use super::transaction::Transaction;
use crate::failure::Failure;
use crate::journal::Record;
use crate::plan::{DirStep, Plan};
use crate::stats::{PathEvent, Stats, What};

/// Makes the directories that several images have and DEST lacks.
///
/// Returns the paths where DEST has something after all. They are deferred, with all that is below them.
pub(super) fn make(tx: &Transaction<'_>, plan: &Plan) -> Result<Vec<PathBuf>, Failure> {
    let mut taken: Vec<PathBuf> = Vec::new();
    for step in plan.dirs.iter().filter(|step| step.found.is_none()) {
        // The plan is sorted: what is below a path follows it.
        if taken.last().is_some_and(|path| step.path.starts_with(path)) {
            continue;
        }
        tx.check()?;
        let failed = |cause| Error::io("make", tx.inputs.at(None, &step.place), cause);
        match make_one(tx, step).map_err(failed)? {
            Published::Done => {}
            Published::Taken => {
                tx.defer_directory(step).map_err(failed)?;
                taken.push(step.path.clone());
            }
        }
    }
    Ok(taken)
}

fn make_one(tx: &Transaction<'_>, step: &DirStep) -> Result<Published, Errno> {
    let caller = tx.inputs.caller;
    let first_image = || step.images.first().map_or(0, |(image, _)| *image);
    let model = step.metadata_from.unwrap_or_else(first_image);
    let source = tx.inputs.images[model].root.beneath(&step.path)?;
    let staging = tx.stagings.get(&step.volume)?;
    let staged = staging.fresh();
    staging.dir.make_dir(&*staged, Mode::RWXU)?;
    let made = staging.dir.child(&*staged)?;
    let attributes = source.stat()?;
    let xattrs = Xattrs::read(XattrTarget::Open(source.as_fd()))?;
    let lost = apply_metadata(
        XattrTarget::Open(made.as_fd()),
        &attributes,
        &xattrs,
        caller,
    )?;
    let now = made.stat()?;
    let id = FileId::of(&now);
    if caller.is_shut_out_of_own(&now) {
        make_writable(tx, &made, &now, &step.place)?;
    }
    let modified = step.modified;
    tx.notes
        .note(&[Record::times(&step.place, &Attributes { modified, ..now })])?;
    let (parent, name) = split(&step.place)?;
    let dir = tx.inputs.destination.root.beneath(parent)?;
    let note = |is| tx.notes.placeholder(&step.place, is);
    let published = publish_directory(staging.at(&staged), At::new(&dir, &name), note)?;
    if published == Published::Done {
        let place = Arc::new(parent.to_owned());
        let how = How::Made;
        tx.log.add(Done {
            place,
            name,
            id,
            how,
        });
        let mut stats = Stats::default();
        stats.lose(&lost);
        stats.directories = 1;
        let path = || step.path.clone();
        let made = What::MadeDirectory;
        tx.record(&mut stats, || {
            PathEvent::new(path(), model, Kind::Directory, made)
        });
        tx.count(&tx.stats, stats);
    }
    Ok(published)
}

/// Makes the read-only directories writable in which names change: of DEST, and of images under `--method=move`.
pub(super) fn make_all_writable(tx: &Transaction<'_>, plan: &Plan) -> Result<(), Error> {
    let changes = |step: &&DirStep| step.adds_names() || step.is_top();
    for step in plan.dirs.iter().filter(changes) {
        let failed = |image: Option<usize>, cause| {
            let path = image.map_or(&step.place, |_| &step.path);
            Error::io("make writable", tx.inputs.at(image, path), cause)
        };
        if let Some(found) = step
            .found
            .filter(|it| tx.inputs.caller.is_shut_out_of_own(it))
        {
            let dir = tx.inputs.destination.root.beneath(&step.place);
            dir.and_then(|dir| make_writable(tx, &dir, &found, &step.place))
                .map_err(|cause| failed(None, cause))?;
        }
        if !tx.inputs.moves() {
            continue;
        }
        for (image, source) in &step.images {
            if tx.inputs.caller.is_shut_out_of_own(source) {
                let dir = tx.open_source(*image, &step.path)?;
                let path = tx.inputs.images[*image].absolute(&step.path);
                make_writable(tx, &dir, source, &path)
                    .map_err(|cause| failed(Some(*image), cause))?;
            }
        }
    }
    Ok(())
}

/// Makes one directory writable; `path` is below DEST, or absolute.
pub(super) fn make_writable(
    tx: &Transaction<'_>,
    dir: &Dir,
    found: &Attributes,
    path: &Path,
) -> Result<(), Errno> {
    let record = Record::mode(path, found);
    if tx.made_writable.has(&record) {
        return Ok(());
    }
    if tx.notes.is_begun() {
        tx.notes.note(std::slice::from_ref(&record))?;
    }
    tx.made_writable.add(record);
    dir.set_mode(found.mode | 0o700)
}

/// Gives the directories of `plan` their metadata and times, the innermost first.
pub(super) fn finish(tx: &Transaction<'_>, plan: &Plan) -> Result<(), Failure> {
    for step in plan.dirs.iter().rev().filter(|step| !step.again) {
        // The staging was made in the top.
        let held_staging = step.place.as_os_str().is_empty() && tx.notes.is_begun();
        if !step.touches() && !held_staging {
            continue;
        }
        let dir = tx.open_place(step)?;
        let failed = |cause| Error::io("set attributes of", tx.inputs.at(None, &step.place), cause);
        if let (Some(image), Some(found)) = (step.metadata_from, step.found) {
            take_metadata(tx, &dir, &found, (image, step)).map_err(failed)?;
        }
        set_time(tx, &dir, step).map_err(failed)?;
    }
    tx.check()
}

/// Sets the times of the directories that held a staging once more, now that it is gone.
pub(crate) fn settle_tops(tx: &Transaction<'_>, plan: &Plan) -> Vec<Error> {
    if !tx.notes.is_begun() {
        return Vec::new();
    }
    let settle = |step: &DirStep| {
        let dir = tx.open_place(step)?;
        set_time(tx, &dir, step)
            .map_err(|cause| Error::io("set times of", tx.inputs.at(None, &step.place), cause))
    };
    let tops = plan.dirs.iter().filter(|step| step.is_top());
    tops.filter_map(|step| settle(step).err()).collect()
}

fn set_time(tx: &Transaction<'_>, dir: &Dir, step: &DirStep) -> Result<(), Errno> {
    match dir.set_modified(step.modified) {
        // A directory of another user that we may write to: we may not set its times.
        Err(Errno::PERM) if step.found.is_some_and(|it| !tx.inputs.caller.owns(&it)) => Ok(()),
        done => done,
    }
}

fn take_metadata(
    tx: &Transaction<'_>,
    dir: &Dir,
    found: &Attributes,
    (image, step): (usize, &DirStep),
) -> Result<(), Errno> {
    let source = tx.inputs.images[image].root.beneath(&step.path)?;
    let Some(like) = step.of_image(image) else {
        return Ok(());
    };
    tx.log.add_changed_metadata(ChangedMetadata {
        place: step.place.clone(),
        attributes: *found,
        xattrs: Xattrs::read(XattrTarget::Open(dir.as_fd()))?,
    });
    let xattrs = Xattrs::read(XattrTarget::Open(source.as_fd()))?;
    replace_metadata(tx, &step.place, like, &xattrs)?;
    lock(&tx.stats).metadata_changed += 1;
    Ok(())
}

/// Replaces owner, xattrs and mode of a directory of DEST.
///
/// A mode that makes it read-only for us waits until the end: names may have to be taken back.
pub(super) fn replace_metadata(
    tx: &Transaction<'_>,
    place: &Path,
    like: &Attributes,
    xattrs: &Xattrs,
) -> Result<(), Errno> {
    let caller = tx.inputs.caller;
    let dir = tx.inputs.destination.root.beneath(place)?;
    let target = XattrTarget::Open(dir.as_fd());
    let here = dir.stat()?;
    let (uid, gid, mode) = caller.reachable(like);
    if (here.uid, here.gid) != (uid, gid) {
        set_owner(target, uid, gid)?;
    }
    lock(&tx.stats).lose(&xattrs.replace(target)?);
    let is_read_only = caller.is_shut_out_of_own(&Attributes { mode, uid, ..here });
    let later = is_read_only.then(|| Record::mode(place, &Attributes { mode, ..here }));
    tx.made_writable.change(&here, later);
    let mode = if is_read_only { mode | 0o700 } else { mode };
    if dir.stat()?.mode == mode {
        return Ok(());
    }
    dir.set_mode(mode)
}
