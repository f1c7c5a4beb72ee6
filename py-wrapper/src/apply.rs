//! Carries a plan out. An image is wrapped whole or not at all.
//!
//! Everything is first made beside its place under temporary names, then renamed. Until the last
//! rename every step can be undone, and is, when one fails or a signal comes. A run that was killed
//! leaves a script either where it was or moved with its wrapper in place, and temporary names that
//! the next run takes away.

mod make;
mod metadata;
mod transaction;
mod undo;

use std::ffi::OsStr;
use std::path::Path;

use common::{Error, Interrupts, Result};

use crate::image::leftovers::{self, Place};
use crate::image::lists;
use crate::image::source::Source;
use crate::installed::{self, List, Moved, Moves, Sum};
use crate::plan::{Action, Decision, Plan, Rules, Wrap};
use crate::replicate::Replica;
use make::Pair;
use metadata::Metadata;
use transaction::Transaction;

/// Applies `plan` to the image. On an error nothing is changed, and it returns all errors.
pub(crate) fn apply(
    place: Place<'_>,
    plan: &Plan,
    rules: Rules<'_>,
    interrupts: &Interrupts,
) -> Result<(), Vec<Error>> {
    if !plan.changes() {
        return Ok(());
    }
    whole(place, interrupts, |work| {
        work.wrap(
            place,
            plan,
            &rules.options.layout.scripts(rules.implementation),
        )
    })
}

/// Installs scripts for several implementations at once, all of them or none.
pub(crate) fn replicate(
    place: Place<'_>,
    replicas: &[Replica],
    interrupts: &Interrupts,
) -> Result<(), Vec<Error>> {
    whole(place, interrupts, |work| work.replicate(place, replicas))
}

/// Changes an image as one step, which is rolled back if it fails.
fn whole(
    place: Place<'_>,
    interrupts: &Interrupts,
    act: impl FnOnce(&mut Transaction<'_>) -> Result<()>,
) -> Result<(), Vec<Error>> {
    let _hold = interrupts.hold();
    let mut work = Transaction::new(place, interrupts).map_err(|error| vec![error])?;
    match act(&mut work) {
        Ok(()) => work.undo.settle(),
        Err(error) => {
            let mut errors = vec![error];
            errors.extend(work.undo.roll_back());
            Err(errors)
        }
    }
}

impl Transaction<'_> {
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
        self.clean_lists(lists)
    }

    /// The same beside the lists, and gives a list that it took away its name again.
    fn clean_lists(&mut self, lists: &[List]) -> Result<()> {
        let are_clean = |list: &&List| list.lost.is_none() && list.stale.is_empty();
        for list in lists.iter().filter(|list| !are_clean(list)) {
            let folder = self.open_for_now(&list.directory)?;
            if let Some(lost) = &list.lost {
                leftovers::put_back(&folder, lost, OsStr::new(list.form.file()))?;
            }
            for name in &list.stale {
                folder.remove(name)?;
            }
        }
        Ok(())
    }

    fn wrap(&mut self, place: Place<'_>, plan: &Plan, scripts: &Path) -> Result<()> {
        let lists = lists::find(place.image, &place.options.layout.bindirs)?;
        self.clean(plan, &lists)?;
        let wraps: Vec<_> = plan.wraps().collect();
        let mut pairs = Vec::new();
        for (decision, wrap) in &wraps {
            pairs.push(self.lay_out(decision, wrap, scripts)?);
        }
        let sums = make::all(&pairs, self)?;
        let mut moves = Moves::new();
        for ((decision, _), script_sum) in wraps.iter().zip(sums) {
            let files = Moved {
                scripts: vec![(scripts.join(&decision.name), script_sum)],
                wrapper_sum: self.wrapper(&decision.bindir).1,
            };
            moves.insert(decision.path(), files);
        }
        self.commit_with(&lists, &moves)
    }

    /// Decides where the moved script and the wrapper are made, and makes the directories on the way.
    fn lay_out<'p>(
        &mut self,
        decision: &'p Decision,
        wrap: &'p Wrap,
        scripts: &Path,
    ) -> Result<Pair<'p>> {
        let name = &decision.name;
        let bindir = self.open(&decision.bindir)?;
        let script = if wrap.is_there {
            None
        } else {
            let folder = self.make(scripts, &bindir.stat_self()?)?;
            Some((folder, self.reserve(scripts, name, false)?))
        };
        Ok(Pair {
            name,
            head: &wrap.head,
            script,
            wrapper: self.reserve(&decision.bindir, name, true)?,
            text: self.wrapper(&decision.bindir).0,
            bindir,
        })
    }

    fn replicate(&mut self, place: Place<'_>, replicas: &[Replica]) -> Result<()> {
        let lists = lists::find(place.image, &place.options.layout.bindirs)?;
        self.clean_lists(&lists)?;
        for (way, name) in place.stale()? {
            self.open(&way)?.remove(&name)?;
        }
        let mut moves = Moves::new();
        for replica in replicas {
            let files = self.replicate_one(place, replica)?;
            moves.insert(replica.bindir.join(&replica.name), files);
        }
        self.commit_with(&lists, &moves)
    }

    fn replicate_one(&mut self, place: Place<'_>, replica: &Replica) -> Result<Moved> {
        let Replica {
            source,
            bindir: way,
            name,
            editions,
        } = replica;
        let like = if source.is_part {
            self.open(way)?.stat_self()?
        } else {
            place.image.stat_self()?
        };
        let bindir = self.make(way, &like)?;
        let mut scripts = Vec::new();
        for edition in editions {
            self.check_signals()?;
            let way = place.options.layout.scripts(&edition.implementation);
            let content = edition.wrap.head.exchange(&source.content);
            if !edition.wrap.is_there {
                let folder = self.make(&way, &like)?;
                let temporary = self.reserve(&way, name, false)?;
                make::script(source, &content, &folder, &temporary)?;
            }
            scripts.push((way.join(name), Sum::of(&content)));
        }
        let temporary = self.reserve(way, name, source.is_part)?;
        let times = metadata::times(place.options.epoch, &source.stat);
        let (wrapper, wrapper_sum) = self.wrapper(way);
        let metadata = Metadata::of_wrapper(source, times);
        make::wrapper(&wrapper, &metadata, &bindir, &temporary)?;
        Ok(Moved {
            scripts,
            wrapper_sum,
        })
    }

    /// Makes the new lists of installed files too, and gives every file its name.
    fn commit_with(&mut self, lists: &[List], moves: &Moves) -> Result<()> {
        let files = std::mem::take(&mut self.renames);
        for list in lists {
            if let Some(content) = installed::updated(list, moves) {
                self.prepare_list(list, &content)?;
            }
        }
        // The lists go first: a run that is killed behind them leaves scripts that the next run wraps, and
        // then their lines are right. The other way round nobody would look at the lists again.
        self.renames.extend(files);
        self.commit()
    }

    fn prepare_list(&mut self, list: &List, content: &[u8]) -> Result<()> {
        let folder = self.open_for_now(&list.directory)?;
        let name = OsStr::new(list.form.file());
        let source = Source::in_folder(&folder, name)?;
        let temporary = self.reserve(&list.directory, name, true)?;
        make::script(&source, content, &folder, &temporary)
    }
}
