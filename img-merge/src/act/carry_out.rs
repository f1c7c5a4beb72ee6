//! The order in which a plan is carried out.
//!
//! Ready first, then in place: subtrees that DEST lacks are built in the staging, so a disk that is full is
//! found out before anything has its name. Then each directory that exists gets its names. What DEST has
//! after all, because somebody knows no lock, is planned anew and carried out the same way.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::Arc;

use common::Error;
use rustix::io::Errno;

use super::build::{Task, Top};
use super::work::Work;
use crate::failure::Failure;
use crate::plan::{DirStep, Plan, Scan, as_os};
use crate::settings::Method;
use crate::staging::Staging;
use crate::tally::Tally;

/// Subtrees that are built and have no place yet, by directory and name in the plan.
pub(crate) type Built = HashMap<(usize, usize), BuiltTree>;

/// One of them.
#[derive(Debug)]
pub(crate) struct BuiltTree {
    pub(crate) staging: Arc<Staging>,
    /// Its name there.
    pub(crate) staged: CString,
    /// What it counts.
    pub(crate) tally: Arc<Tally>,
}

/// A subtree that is to be built, by its directory and name in the plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree {
    pub(crate) dir: usize,
    pub(crate) name: usize,
    /// Why it could not be renamed, under `--method=move`.
    pub(crate) why: Option<Errno>,
}

/// How often names may turn up late before we say that somebody plays with us.
const ROUNDS: usize = 100;

/// Does what `plan` says. After an error everything that was done is in the log of `work`.
///
/// The plans that were carried out come back: `plan`, and those of names that turned up late.
pub(crate) fn carry_out(
    work: &Work<'_>,
    scan: &Scan<'_>,
    mut plan: Plan,
) -> Result<Vec<Plan>, Failure> {
    work.all_names(&mut plan)?;
    let mut plans = vec![plan];
    for _ in 0..ROUNDS {
        let late = work.take_late();
        if late.is_empty() {
            for plan in &plans {
                work.finish_dirs(plan)?;
            }
            return work.check().map(|()| plans);
        }
        let mut again = scan.again(late)?;
        if again.is_refused() {
            return Err(Failure::Conflicts(again.conflicts));
        }
        work.all_names(&mut again)?;
        plans.push(again);
    }
    let path = &work.destination.path;
    Err(Error::refused("merge", path, "names keep appearing in it").into())
}

/// All subtrees of the plan.
fn trees(plan: &Plan) -> Vec<Tree> {
    let mut trees = Vec::new();
    for (dir, step) in plan.dirs.iter().enumerate() {
        for (name, it) in step.names.iter().enumerate() {
            if it.is_tree() {
                trees.push(Tree {
                    dir,
                    name,
                    why: None,
                });
            }
        }
    }
    trees
}

impl Work<'_> {
    /// Does all of the plan but what somebody else was faster to do, which is taken out of it.
    fn all_names(&self, plan: &mut Plan) -> Result<(), Failure> {
        self.groups.hold(&plan.anchors);
        self.prepare(plan)?;
        for late in self.make_dirs(plan)? {
            plan.forget(&late);
        }
        let plan = &*plan;
        let built = match self.merge.method {
            Method::Move => Built::new(),
            _ => self.build_trees(plan, &trees(plan))?,
        };
        let not_moved = self.visit(plan, &built)?;
        if self.merge.method == Method::Move {
            self.count_splits(plan, &not_moved)?;
        }
        if not_moved.is_empty() {
            return Ok(());
        }
        let built = self.build_trees(plan, &not_moved)?;
        self.visit_built(plan, &built)
    }

    fn build_trees(&self, plan: &Plan, trees: &[Tree]) -> Result<Built, Failure> {
        let mut built = Built::new();
        let mut tasks = Vec::new();
        for tree in trees {
            let dir = &plan.dirs[tree.dir];
            let step = &dir.names[tree.name];
            let staging = self.staging_of(dir)?;
            let staged = staging.fresh();
            let tally = Arc::new(Tally::new(false));
            let ready = BuiltTree {
                staging: staging.clone(),
                staged: staged.clone(),
                tally: tally.clone(),
            };
            built.insert((tree.dir, tree.name), ready);
            tasks.push(Task::Top(Top {
                image: step.image,
                path: dir.path.join(as_os(&step.name)),
                staging,
                staged,
                volume: dir.volume.clone(),
                why: tree.why,
                tally,
            }));
        }
        tasks.reverse();
        self.build(tasks);
        self.check()?;
        Ok(built)
    }

    pub(crate) fn staging_of(&self, dir: &DirStep) -> Result<Arc<Staging>, Error> {
        let staging = self.stagings.get(&self.destination.root, &dir.volume);
        staging.map_err(|cause| {
            let whole = self.destination.at(dir.volume.as_path());
            Error::io("make a temporary directory in", whole, cause)
        })
    }
}
