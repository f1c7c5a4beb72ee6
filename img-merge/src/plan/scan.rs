//! Makes the plan: reads directories on several threads, each directory on one. It changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use common::{Error, lock};

use super::metadata;
use super::resolve::{Resolved, Resolver};
use super::sides::{JoinedDir, Side};
use super::steps::{DirStep, Plan};
use crate::failure::{Failure, in_order};
use crate::inputs::Inputs;
use crate::pool::Pool;
use crate::settings::{DirMetadata, DirectorySymlinks};

/// What the threads have found so far.
#[derive(Debug, Default)]
struct Found {
    plan: Plan,
    errors: Vec<(PathBuf, Error)>,
    refusals: Vec<(PathBuf, Error)>,
}

/// Plans `first` and all directories below that several sides have.
pub(crate) fn scan(inputs: Inputs<'_>, first: Vec<JoinedDir>) -> Result<Plan, Failure> {
    let found = Mutex::<Found>::default();
    Pool::run(inputs.merge.threads, first, |mut joined, pool| {
        if inputs.is_interrupted() {
            return pool.stop();
        }
        let resolved = plan_directory(inputs, &mut joined);
        let mut found = lock(&found);
        match resolved {
            Ok((step, mut resolved)) => {
                found.plan.dirs.push(step);
                found.plan.anchors.append(&mut resolved.anchors);
                found.plan.conflicts.append(&mut resolved.conflicts);
                drop(found);
                pool.add(resolved.further);
            }
            Err(failure) => found.fail(&joined.path, failure),
        }
    });
    if inputs.is_interrupted() {
        return Err(Failure::Interrupted);
    }
    let found = std::mem::take(&mut *lock(&found));
    Failure::unless_none(in_order(found.errors))?;
    if !found.refusals.is_empty() {
        return Err(Failure::Refused(in_order(found.refusals)));
    }
    let mut plan = found.plan;
    plan.sort();
    if inputs.merge.directory_symlinks == DirectorySymlinks::Pass
        && inputs.merge.dir_metadata != DirMetadata::Image
    {
        settle_times(&mut plan);
    }
    Ok(plan)
}

impl Found {
    fn fail(&mut self, path: &Path, failure: Failure) {
        let (all, errors) = match failure {
            Failure::Refused(errors) => (&mut self.refusals, errors),
            Failure::Failed(errors) => (&mut self.errors, errors),
            Failure::Conflicts(_) | Failure::Interrupted => return,
        };
        all.extend(errors.into_iter().map(|error| (path.to_owned(), error)));
    }
}

fn plan_directory(
    inputs: Inputs<'_>,
    joined: &mut JoinedDir,
) -> Result<(DirStep, Resolved), Failure> {
    let sides = joined.open(inputs)?;
    let lists = joined.list(inputs, &sides)?;
    let names = Resolver {
        inputs,
        joined,
        sides: &sides,
        out: Resolved::default(),
    };
    let mut resolved = names.resolve(&lists)?;
    let (metadata_from, modified) =
        metadata::decide(inputs, joined, &sides, &mut resolved.conflicts)?;
    let held = sides.first().filter(|side| side.image.is_none());
    let of_image = |side: &Side| side.image.map(|image| (image, side.attributes));
    let step = DirStep {
        path: joined.path.clone(),
        place: joined.place.clone(),
        volume: joined.volume.clone(),
        found: held.map(|side| side.attributes),
        images: sides.iter().filter_map(of_image).collect(),
        metadata_from,
        modified,
        names: std::mem::take(&mut resolved.steps),
        counts: resolved.counts,
        again: joined.only.is_some(),
    };
    Ok((step, resolved))
}

/// A place that several directories of the images lead to has the latest of their times.
fn settle_times(plan: &mut Plan) {
    let mut latest = BTreeMap::new();
    for step in &plan.dirs {
        let time = latest.entry(step.place.clone()).or_insert(step.modified);
        *time = step.modified.max(*time);
    }
    for step in &mut plan.dirs {
        step.modified = latest[&step.place];
    }
}
