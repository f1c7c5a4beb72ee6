//! What a transaction writes into the journal.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use common::fs::{Attributes, Placeholder};
use common::lock;
use rustix::io::{Errno, Result};

use crate::inputs::Inputs;
use crate::journal::Record;
use crate::plan::{DirStep, Plan};
use crate::staging::Staging;

/// The notes of one transaction.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// The staging that has the journal. Without one, nothing was changed.
    journal: OnceLock<Arc<Staging>>,
    /// The times that directories had.
    times: Mutex<Vec<Record>>,
}

impl Notes {
    pub(crate) fn is_begun(&self) -> bool {
        self.journal.get().is_some()
    }

    pub(crate) fn begin(&self, staging: Arc<Staging>) {
        // Only the thread that prepares the transaction calls this, and once.
        drop(self.journal.set(staging));
    }

    /// Notes what is about to be done.
    pub(crate) fn note(&self, records: &[Record]) -> Result<()> {
        let staging = self.journal.get().ok_or(Errno::BADF)?;
        staging.journal.note(records)
    }

    /// Notes what becomes of the placeholder of `place`.
    pub(crate) fn placeholder(&self, place: &Path, is: Placeholder) -> Result<()> {
        let place = place.to_owned();
        self.note(&[Record::Placeholder { place, is }])
    }

    /// Remembers the times of the directories that `plan` changes. Returns them as records.
    pub(crate) fn remember_times(&self, inputs: Inputs<'_>, plan: &Plan) -> Vec<Record> {
        let changes = |step: &&DirStep| inputs.moves() || step.touches() || step.is_top();
        let mut records = Vec::new();
        for step in plan.dirs.iter().filter(changes).filter(|step| !step.again) {
            records.extend(step.found.map(|found| Record::times(&step.place, &found)));
            if inputs.moves() {
                let of_image = |(image, source): &(usize, Attributes)| {
                    Record::times(&inputs.images[*image].absolute(&step.path), source)
                };
                records.extend(step.images.iter().map(of_image));
            }
        }
        lock(&self.times).extend(records.iter().cloned());
        records
    }

    pub(crate) fn take_times(&self) -> Vec<Record> {
        std::mem::take(&mut *lock(&self.times))
    }

    /// Notes that the transaction is done: no run undoes it any more. What is still to be restored comes after that:
    /// the times of the images and of the directories that hold a staging, and `modes`.
    pub(crate) fn commit(&self, plans: &[Plan], modes: Vec<Record>) -> Result<()> {
        if !self.is_begun() {
            return Ok(());
        }
        let mut records = vec![Record::Done];
        let is_of_image = |record: &&Record| record.path().is_absolute();
        records.extend(lock(&self.times).iter().filter(is_of_image).cloned());
        let steps = plans.iter().flat_map(|plan| &plan.dirs);
        for step in steps.filter(|step| step.is_top()) {
            let found = step.found.map(|found| Attributes {
                modified: step.modified,
                ..found
            });
            records.extend(found.map(|found| Record::times(&step.place, &found)));
        }
        records.extend(modes);
        self.note(&records)
    }

    /// Has the journal written to disk: from then on the transaction is done even after a loss of power.
    pub(crate) fn sync(&self) -> Result<()> {
        self.journal.get().map_or(Ok(()), |it| it.journal.sync())
    }
}
