//! Carries a plan out. An image is wrapped whole or not at all.
//!
//! Everything is first made beside its place under temporary names, then renamed. Until the last
//! rename every step can be undone, and is, when one fails or a signal comes. A run that was killed
//! leaves a script either where it was or moved with its wrapper in place, and temporary names that
//! the next run takes away.

mod files;
mod source;
mod undo;
mod work;

use std::collections::HashMap;
use std::ffi::OsStr;

use common::{Error, Interrupts, Result};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::Job;
use crate::image;
use crate::image::dir::Dir;
use crate::installed::{self, List, Moved, Moves, Sum};
use crate::plan::{Action, Decision, Plan, Wrap};
use crate::replicate::Replica;
use source::Source;
use undo::Step;
use work::{Groups, Work};

/// Applies `plan` to the image. On an error nothing is changed; all that went wrong is told.
pub(crate) fn apply(
    image: &Dir,
    plan: &Plan,
    job: &Job<'_>,
    interrupts: &Interrupts,
) -> Result<(), Vec<Error>> {
    if !plan.changes() {
        return Ok(());
    }
    whole(image, job, interrupts, |work| work.wrap(plan))
}

/// Installs scripts for several implementations at once, all of them or none.
pub(crate) fn replicate(
    image: &Dir,
    replicas: &[Replica],
    job: &Job<'_>,
    interrupts: &Interrupts,
) -> Result<(), Vec<Error>> {
    whole(image, job, interrupts, |work| work.replicate(replicas))
}

/// Does the work on an image as one step that is taken back if it fails.
fn whole(
    image: &Dir,
    job: &Job<'_>,
    interrupts: &Interrupts,
    act: impl FnOnce(&mut Work<'_>) -> Result<()>,
) -> Result<(), Vec<Error>> {
    let _hold = interrupts.hold();
    lock(image).map_err(|error| vec![error])?;
    let mut work = Work::new(image, job, interrupts);
    match act(&mut work) {
        Ok(()) => work.undo.settle(),
        Err(error) => {
            let mut errors = vec![error];
            errors.extend(work.undo.back());
            Err(errors)
        }
    }
}

/// Keeps other runs out of this image until the handle is closed.
fn lock(image: &Dir) -> Result<()> {
    match rustix::fs::flock(image, FlockOperation::LockExclusive) {
        // A file system that locks no directories has nobody else on it that would ask.
        Ok(()) | Err(Errno::BADF | Errno::OPNOTSUPP | Errno::NOLCK | Errno::INVAL) => Ok(()),
        Err(cause) => Err(Error::io("lock", image.path(), cause)),
    }
}

impl Work<'_> {
    /// Takes away what a killed run left.
    fn clean(&mut self, plan: &Plan, lists: &[List]) -> Result<()> {
        for Decision {
            bindir,
            name,
            action,
        } in &plan.decisions
        {
            if *action == Action::Clean {
                self.open(bindir)?.remove(name)?;
            }
        }
        for list in lists {
            for name in &list.stale {
                self.open(&list.directory)?.remove(name)?;
            }
        }
        Ok(())
    }

    fn wrap(&mut self, plan: &Plan) -> Result<()> {
        let lists = image::find_lists(self.image, &self.job.layout.bindirs)?;
        self.clean(plan, &lists)?;
        let mut moves = Moves::new();
        let mut groups = Groups::new();
        for (decision, wrap) in plan.wraps() {
            self.alive()?;
            let done = self.prepare(decision, wrap, &mut groups)?;
            moves.insert(decision.path(), done);
        }
        let wrappers = std::mem::take(&mut self.renames);
        for list in &lists {
            if let Some(content) = installed::updated(list, &moves) {
                self.prepare_list(list, &content)?;
            }
        }
        // The lists go first: a run that is killed behind them leaves scripts that the next run wraps, and
        // then their lines are right. The other way round nobody would look at the lists again.
        self.renames.extend(wrappers);
        self.commit()
    }

    /// Makes the moved script and the wrapper under temporary names.
    fn prepare(&mut self, decision: &Decision, wrap: &Wrap, groups: &mut Groups) -> Result<Moved> {
        let name = &decision.name;
        let bindir = self.open(&decision.bindir)?;
        let source = Source::in_dir(&bindir, name)?;
        let content = wrap.head.exchange(&source.content);
        let scripts = self.job.layout.scripts(self.job.implementation);
        if !wrap.is_there {
            let scripts = self.script_directory(&scripts, &bindir.stat_self()?)?;
            self.put_script(&source, &content, &scripts, name, groups)?;
        }
        Ok(Moved {
            script: scripts.join(name),
            script_sum: Sum::of(&content),
            wrapper_sum: self.put_wrapper(&source, &decision.bindir, name, true)?,
        })
    }

    fn replicate(&mut self, replicas: &[Replica]) -> Result<()> {
        for replica in replicas {
            let source = Source::open(&replica.file)?;
            let like = self.made(&replica.bindir, &source.stat)?.stat_self()?;
            for (implementation, head) in &replica.heads {
                self.alive()?;
                let scripts = self.job.layout.scripts(implementation);
                let scripts = self.script_directory(&scripts, &like)?;
                let content = head.exchange(&source.content);
                self.put_script(
                    &source,
                    &content,
                    &scripts,
                    &replica.name,
                    &mut HashMap::new(),
                )?;
            }
            self.put_wrapper(&source, &replica.bindir, &replica.name, replica.in_place)?;
        }
        self.commit()
    }

    fn prepare_list(&mut self, list: &List, content: &[u8]) -> Result<()> {
        let dir = self.open(&list.directory)?;
        let name = OsStr::new(list.form.file());
        let source = dir.open(name)?;
        let stat = files::stat(&source, &dir.at(name))?;
        let temporary = self.temporary();
        self.undo.push(Step::Remove(dir.clone(), temporary.clone()));
        let file = dir.create(&temporary, content)?;
        files::copy_metadata(&source, &stat, &file, &dir.at(&temporary))?;
        self.later(&dir, temporary, name, true);
        Ok(())
    }
}
