//! Builds, in the staging, the directories that DEST lacks. They are not in the log until they are published.
//!
//! One thread fills a directory, from its first name to its times. Its subdirectories are made with its names, and any
//! thread fills them. Handles are open only for the directories on the way down.

use std::collections::HashMap;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use common::Error;
use common::fs::{At, Attributes, Dir, Identity, Kind, XattrTarget, Xattrs, apply_metadata, as_os};
use rustix::fs::Mode;
use rustix::io::Errno;

use super::placer::{Place, Placer, Source};
use super::transaction::Transaction;
use crate::failure::Failure;
use crate::image::below;
use crate::plan::Plan;
use crate::pool::Pool;
use crate::staging::Staging;
use crate::stats::{PathEvent, Stats, What};

/// A name in a plan, by the positions of its directory and of its step there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tree {
    pub(super) dir: usize,
    pub(super) name: usize,
    /// Why it could not be renamed, under `--method=move`.
    pub(super) why: Option<Errno>,
}

impl Tree {
    pub(super) fn new(dir: usize, name: usize) -> Self {
        let why = None;
        Self { dir, name, why }
    }
}

/// Directories that are built and have no place yet, by their position in the plan.
pub(super) type Built = HashMap<(usize, usize), Arc<BuiltTree>>;

/// One of them.
#[derive(Debug)]
pub(super) struct BuiltTree {
    image: usize,
    /// Below the image.
    path: PathBuf,
    pub(super) staging: Arc<Staging>,
    /// Its name in the staging.
    pub(super) staged: CString,
    volume: Arc<PathBuf>,
    why: Option<Errno>,
    /// What is in it. It counts when it gets its place.
    pub(super) stats: Mutex<Stats>,
}

/// A directory of an image and its copy.
struct Pair {
    tree: Arc<BuiltTree>,
    /// Below the image.
    path: PathBuf,
    source: Dir,
    copy: Dir,
}

/// A directory that is to be filled.
enum Task {
    /// The top of a tree. It is opened when its turn comes, because many may wait.
    Top(Arc<BuiltTree>),
    /// A directory that was made with the names of its parent.
    Below { parent: Arc<Pair>, name: CString },
}

impl Task {
    fn tree(&self) -> &Arc<BuiltTree> {
        match self {
            Self::Top(tree) => tree,
            Self::Below { parent, .. } => &parent.tree,
        }
    }

    /// Below the image.
    fn path(&self) -> PathBuf {
        match self {
            Self::Top(tree) => tree.path.clone(),
            Self::Below { parent, name } => parent.path.join(as_os(name)),
        }
    }
}

/// Builds `trees` of the plan.
pub(super) fn build(tx: &Transaction<'_>, plan: &Plan, trees: &[Tree]) -> Result<Built, Failure> {
    let mut built = Built::new();
    let mut tasks = Vec::new();
    for tree in trees {
        let dir = &plan.dirs[tree.dir];
        let step = &dir.names[tree.name];
        let staging = tx.stagings.get(&dir.volume).map_err(|cause| {
            let whole = tx.inputs.at(None, &dir.volume);
            Error::io("make a temporary directory in", whole, cause)
        })?;
        let ready = Arc::new(BuiltTree {
            image: step.image,
            path: dir.path.join(as_os(&step.name)),
            staged: staging.fresh(),
            staging,
            volume: dir.volume.clone(),
            why: tree.why,
            stats: Mutex::default(),
        });
        built.insert((tree.dir, tree.name), ready.clone());
        tasks.push(Task::Top(ready));
    }
    // The pool takes the last one first.
    tasks.reverse();
    let builder = TreeBuilder { tx };
    Pool::run(tx.inputs.merge.threads, tasks, |task, pool| {
        if tx.is_stopped() {
            return pool.stop();
        }
        match builder.directory(&task) {
            Ok(further) => pool.add(further),
            Err(error) => tx.fail(&task.path(), error),
        }
    });
    tx.check()?;
    Ok(built)
}

struct TreeBuilder<'a> {
    tx: &'a Transaction<'a>,
}

impl TreeBuilder<'_> {
    /// Fills one directory. Returns the directories in it.
    fn directory(&self, task: &Task) -> Result<Vec<Task>, Error> {
        let image = Some(task.tree().image);
        let failed = |verb: &'static str| {
            move |cause| Error::io(verb, self.tx.inputs.at(image, &task.path()), cause)
        };
        let source = match task {
            Task::Top(tree) => self.tx.inputs.images[tree.image].root.beneath(&tree.path),
            Task::Below { parent, name } => parent.source.child(name.as_c_str()),
        };
        let source = source.map_err(failed("read"))?;
        let attributes = source.stat().map_err(failed("read"))?;
        if attributes.identity == self.tx.inputs.destination.attributes.identity {
            // A bind mount shows DEST in the image.
            return Err(failed("read")(Errno::LOOP));
        }
        let copy = match task {
            Task::Top(tree) => {
                let at = tree.staging.at(&tree.staged);
                let made = at.dir.make_dir(at.name, Mode::RWXU);
                made.and_then(|()| at.dir.child(at.name))
            }
            Task::Below { parent, name } => parent.copy.child(name.as_c_str()),
        };
        let pair = Pair {
            tree: task.tree().clone(),
            path: task.path(),
            source,
            copy: copy.map_err(failed("make"))?,
        };
        let mut stats = Stats::default();
        let directories = self.names(&pair, &attributes, &mut stats)?;
        let is_top = matches!(task, Task::Top(_));
        self.finish(&pair, &attributes, is_top, &mut stats)
            .map_err(failed("make"))?;
        self.tx.count(&pair.tree.stats, stats);
        let parent = Arc::new(pair);
        let below = |name| Task::Below {
            parent: parent.clone(),
            name,
        };
        Ok(directories.into_iter().map(below).collect())
    }

    /// Places the files of one directory and makes its directories, which it returns.
    fn names(
        &self,
        pair: &Pair,
        attributes: &Attributes,
        stats: &mut Stats,
    ) -> Result<Vec<CString>, Error> {
        let device = attributes.identity.device;
        let mut directories = Vec::new();
        let mut failed = ("read", CString::default());
        let listed = pair.source.for_each::<Errno>(|name, inode, kind| {
            let mut verb = "read";
            let mut one = || {
                let kind = kind.map_or_else(|| pair.source.kind_of(name), Ok)?;
                if kind.is_dir() {
                    verb = "make";
                    directories.push(name.to_owned());
                    return pair.copy.make_dir(name, Mode::RWXU);
                }
                verb = self.tx.inputs.merge.method.word();
                let source = Source {
                    at: At::new(&pair.source, name),
                    inode: Identity { device, inode },
                    why: pair.tree.why,
                };
                let place = Place::new(At::new(&pair.copy, name), &pair.tree.volume);
                let placed = Placer { tx: self.tx }.place(source, place)?;
                stats.place(&placed);
                let what = What::placed(&placed, false);
                let path = || pair.path.join(as_os(name));
                self.tx.record(stats, || pair.event(path(), kind, what));
                Ok(())
            };
            one().inspect_err(|_| failed = (verb, name.to_owned()))
        });
        listed.map_err(|cause| {
            let path = below(&pair.path, as_os(&failed.1).as_ref());
            let whole = self.tx.inputs.at(Some(pair.tree.image), &path);
            Error::io(failed.0, whole, cause)
        })?;
        Ok(directories)
    }

    /// Gives the directory the metadata of its source. After this nothing more is put into it.
    fn finish(
        &self,
        pair: &Pair,
        source: &Attributes,
        is_top: bool,
        stats: &mut Stats,
    ) -> Result<(), Errno> {
        let caller = self.tx.inputs.caller;
        let xattrs = Xattrs::read(XattrTarget::Open(pair.source.as_fd()))?;
        let target = XattrTarget::Open(pair.copy.as_fd());
        stats.lose(&apply_metadata(target, source, &xattrs, caller)?);
        let uid = caller.uid;
        if is_top && caller.is_shut_out_of_own(&Attributes { uid, ..*source }) {
            // Only a directory that we may write to can be renamed to another parent.
            pair.copy.set_mode(source.mode | 0o700)?;
        }
        pair.copy.set_times(&source.times())?;
        stats.directories += 1;
        let path = || pair.path.clone();
        self.tx.record(stats, || {
            pair.event(path(), Kind::Directory, What::MadeDirectory)
        });
        Ok(())
    }
}

impl Pair {
    fn event(&self, path: PathBuf, kind: Kind, what: What) -> PathEvent {
        PathEvent::new(path, self.tree.image, kind, what)
    }
}
