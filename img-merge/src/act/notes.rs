//! What a transaction notes in the journal: how things were before it, and that it is done.

use std::path::Path;

use common::Error;
use rustix::io::Errno;

use super::dirs::{is_top, touches};
use super::opened::Opened;
use super::work::{Work, lock};
use crate::failure::Failure;
use crate::journal::{Record, Whose};
use crate::plan::{DirStep, Plan};
use crate::settings::Method;
use common::fs::FileId;

impl Work<'_> {
    /// Notes in the journal what the next run would have to put right, and opens what is shut.
    pub(crate) fn prepare(&self, plan: &Plan) -> Result<(), Failure> {
        // What is moved loses names even where DEST gains none.
        let moves = self.merge.method == Method::Move;
        if !moves && !plan.dirs.iter().any(touches) {
            return Ok(());
        }
        let mut records = Vec::new();
        // The top of a file system gets a staging, whatever else happens to it.
        let changes = |step: &&DirStep| moves || touches(step) || is_top(step);
        for step in plan.dirs.iter().filter(changes) {
            self.records_of(step, &mut records);
        }
        lock(&self.before).extend(records.iter().cloned());
        if self.journal.get().is_none() {
            self.start_journal(plan, &records)?;
        } else {
            self.note(&records)
                .map_err(|cause| self.cannot_note(cause))?;
        }
        let opens = |step: &&DirStep| step.adds_names() || is_top(step);
        for step in plan.dirs.iter().filter(opens) {
            self.open_shut(step)?;
        }
        Ok(())
    }

    /// Makes the staging that has the journal, which begins with `records`.
    fn start_journal(&self, plan: &Plan, records: &[Record]) -> Result<(), Failure> {
        let path = &self.destination.path;
        let failed = |cause| Error::io("make a temporary directory in", path, cause);
        if let Some(root) = plan
            .dirs
            .first()
            .filter(|step| step.path.as_os_str().is_empty())
        {
            // The journal cannot be made before the directory is open, so this is the one thing that
            // is noted after it was done.
            if let Some(found) = root.found.filter(|f| self.caller.is_shut_out_of_own(f)) {
                self.open(&self.destination.root, found, Path::new(""), None)
                    .map_err(failed)?;
            }
        }
        let mut first: Vec<Record> = lock(&self.opened).iter().map(Opened::record).collect();
        first.extend_from_slice(records);
        let staging = self.stagings.begin(&self.destination.root, &first);
        // It is set once, here, before any thread is started.
        drop(self.journal.set(staging.map_err(failed)?));
        Ok(())
    }

    fn records_of(&self, step: &DirStep, records: &mut Vec<Record>) {
        if step.again {
            return;
        }
        if let Some(found) = step.found {
            records.push(Record::Times {
                of: Whose {
                    path: step.place.clone(),
                    it: FileId::of(&found),
                },
                modified: found.modified,
            });
        }
        if self.merge.method == Method::Move {
            for (image, source) in &step.images {
                records.push(Record::Times {
                    of: Whose {
                        path: self.images[*image].below(&step.path),
                        it: FileId::of(source),
                    },
                    modified: source.modified,
                });
            }
        }
    }

    /// Notes that the transaction is done: from here on it is not undone any more.
    pub(crate) fn commit(&self, plans: &[Plan]) -> Result<(), Error> {
        if self.journal.get().is_none() {
            return Ok(());
        }
        let mut records = vec![Record::Done];
        let of_images =
            |record: &&Record| matches!(record, Record::Times { of, .. } if of.path.is_absolute());
        records.extend(lock(&self.before).iter().filter(of_images).cloned());
        for step in plans
            .iter()
            .flat_map(|plan| &plan.dirs)
            .filter(|step| is_top(step))
        {
            records.extend(step.found.map(|found| Record::Times {
                of: Whose {
                    path: step.place.clone(),
                    it: FileId::of(&found),
                },
                modified: step.modified,
            }));
        }
        // What is open still has to be shut, whenever we are killed.
        records.extend(lock(&self.opened).iter().map(Opened::record));
        self.note(&records).map_err(|cause| self.cannot_note(cause))
    }

    /// Has the journal written to disk: from then on the transaction is done after any loss of power.
    pub(crate) fn sync_journal(&self) -> Result<(), Error> {
        match self.journal.get().map(|staging| staging.journal.sync()) {
            Some(Err(cause)) => Err(self.cannot_note(cause)),
            Some(Ok(())) | None => Ok(()),
        }
    }

    fn cannot_note(&self, cause: Errno) -> Error {
        Error::io("write the journal in", &self.destination.path, cause)
    }
}
