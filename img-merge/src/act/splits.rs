//! Link groups that a rename splits: DEST has an equal of one name, which stays, and another name of the
//! group is in a directory that was renamed whole.
//!
//! A rename looks at nothing in the directory. So where a group has names that were not seen, the
//! directories that were renamed are searched for them, to say so; where it has none, nothing is read.

use std::collections::{HashMap, HashSet};

use common::Error;
use rustix::io::Errno;

use super::carry_out::Tree;
use super::work::Work;
use crate::plan::{DirStep, Plan, Step, as_os};
use common::fs::{Dir, Identity};

impl Work<'_> {
    /// Counts the groups of `plan` that were split by renames of all its subtrees but `not_moved`.
    pub(crate) fn count_splits(&self, plan: &Plan, not_moved: &[Tree]) -> Result<(), Error> {
        let mut groups = not_all_seen(plan);
        for (at, step) in plan.dirs.iter().enumerate() {
            for (index, name) in step.names.iter().enumerate() {
                if groups.is_empty() {
                    return Ok(());
                }
                let stays = |tree: &Tree| (tree.dir, tree.name) == (at, index);
                if !name.is_tree() || not_moved.iter().any(stays) {
                    continue;
                }
                let place = step.place.join(as_os(&name.name));
                let dir = self.destination.root.beneath(&place);
                match dir.and_then(|dir| self.find(&dir, &mut groups)) {
                    // It came late and was put aside, or we may not look into it.
                    Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => {}
                    Err(cause) => {
                        return Err(Error::io("read", self.destination.at(&place), cause));
                    }
                }
            }
        }
        Ok(())
    }

    fn find(&self, dir: &Dir, groups: &mut HashSet<Identity>) -> Result<(), Errno> {
        let device = dir.stat()?.identity.device;
        for entry in dir.list()?.iter() {
            let inode = entry.inode;
            if groups.remove(&Identity { device, inode }) {
                self.tally.split_group();
            }
            let kind = match entry.kind {
                Some(kind) => kind,
                None => dir.kind_of(entry.name)?,
            };
            if kind.is_dir() {
                self.find(&dir.child(entry.name)?, groups)?;
            }
        }
        Ok(())
    }
}

/// The groups of which DEST has a name, and of which not all names are in the plan.
fn not_all_seen(plan: &Plan) -> HashSet<Identity> {
    let mut unseen: HashMap<Identity, u32> = HashMap::new();
    for anchor in &plan.anchors {
        unseen.insert(anchor.member, anchor.links);
    }
    if unseen.is_empty() {
        return HashSet::new();
    }
    for step in &plan.dirs {
        for name in &step.names {
            let inode = identity(step, name).and_then(|inode| unseen.get_mut(&inode));
            if let Some(names) = inode {
                *names = names.saturating_sub(1);
            }
        }
    }
    unseen.retain(|_, names| *names > 0);
    unseen.into_keys().collect()
}

fn identity(step: &DirStep, name: &Step) -> Option<Identity> {
    let (_, around) = step.images.iter().find(|(image, _)| *image == name.image)?;
    let device = around.identity.device;
    Some(Identity {
        device,
        inode: name.inode,
    })
}
