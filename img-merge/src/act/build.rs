//! Builds a subtree that DEST lacks, in the staging: a stream through the tree that remembers nothing.
//!
//! Each directory is one thread's, from its first name to its times; its subdirectories are made with its
//! names and filled by whoever is free. Handles are open for the directories on the way down only.

use std::ffi::{CStr, CString};
use std::path::PathBuf;
use std::sync::Arc;

use common::Error;
use rustix::fs::Mode;
use rustix::io::Errno;

use super::metadata;
use super::place::{Brought, File, Place};
use super::work::Work;
use crate::plan::as_os;
use crate::pool::Pool;
use crate::settings::Method;
use crate::staging::Staging;
use crate::tally::{Tally, Told, What};
use common::fs::xattrs::XattrTarget;
use common::fs::{Attributes, Dir, Identity, Kind, Xattrs};
use std::os::fd::AsFd;

/// A directory of an image and its copy, both open.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) image: usize,
    /// Below the image.
    pub(crate) path: PathBuf,
    pub(crate) source: Dir,
    pub(crate) copy: Dir,
    pub(crate) volume: Arc<PathBuf>,
    /// Why it is not renamed, under `--method=move`.
    pub(crate) why: Option<Errno>,
    /// What the whole subtree counts, should it not get its place.
    tally: Arc<Tally>,
}

/// A directory that is to be built.
#[derive(Debug)]
pub(crate) enum Task {
    /// A subtree. Its source is opened when its turn comes: many may wait.
    Top(Top),
    /// A directory that has been made with the names of the one around it.
    Below { around: Arc<Pair>, name: CString },
}

/// The top of a subtree.
#[derive(Debug)]
pub(crate) struct Top {
    pub(crate) image: usize,
    /// Below the image.
    pub(crate) path: PathBuf,
    pub(crate) staging: Arc<Staging>,
    /// The name that it gets in the staging.
    pub(crate) staged: CString,
    pub(crate) volume: Arc<PathBuf>,
    /// Why it is not renamed, under `--method=move`.
    pub(crate) why: Option<Errno>,
    /// Counts it alone.
    pub(crate) tally: Arc<Tally>,
}

impl Task {
    fn image(&self) -> usize {
        match self {
            Self::Top(top) => top.image,
            Self::Below { around, .. } => around.image,
        }
    }

    /// Below the image.
    fn path(&self) -> PathBuf {
        match self {
            Self::Top(top) => top.path.clone(),
            Self::Below { around, name } => around.path.join(as_os(name)),
        }
    }
}

/// A step that failed, with the name it failed at.
#[derive(Debug)]
struct At {
    verb: &'static str,
    name: Option<CString>,
    cause: Errno,
}

impl From<Errno> for At {
    fn from(cause: Errno) -> Self {
        at("read", None)(cause)
    }
}

fn at(verb: &'static str, name: Option<&CStr>) -> impl FnOnce(Errno) -> At {
    move |cause| At {
        verb,
        name: name.map(CStr::to_owned),
        cause,
    }
}

impl Work<'_> {
    /// Builds all of `tasks`; what failed is among the errors.
    pub(crate) fn build(&self, tasks: Vec<Task>) {
        if tasks.is_empty() {
            return;
        }
        Pool::run(self.merge.threads, tasks, |task, pool| {
            if self.is_stopped() {
                return pool.stop();
            }
            let path = task.path();
            match self.build_directory(&task) {
                Ok(further) => pool.add(further),
                Err(At { verb, name, cause }) => {
                    let path = name.map_or_else(|| path.clone(), |name| path.join(as_os(&name)));
                    let whole = self.images[task.image()].at(&path);
                    self.fail(&path, Error::io(verb, whole, cause));
                }
            }
        });
    }

    fn build_directory(&self, task: &Task) -> Result<Vec<Task>, At> {
        let source = match task {
            Task::Top(top) => self.images[top.image].root.beneath(&top.path),
            Task::Below { around, name } => around.source.child(name),
        };
        let source = source.map_err(at("read", None))?;
        let attributes = source.stat().map_err(at("read", None))?;
        if attributes.identity == self.destination.attributes.identity {
            // DEST lies in the image, by a way that its path did not show.
            return Err(At::from(Errno::LOOP));
        }
        let copy = match task {
            Task::Top(top) => {
                let made = top.staging.dir.make_dir(&top.staged, Mode::RWXU);
                made.and_then(|()| top.staging.dir.child(&top.staged))
            }
            Task::Below { around, name } => around.copy.child(name),
        };
        let copy = copy.map_err(at("make", None))?;
        let (volume, why, tally) = match task {
            Task::Top(top) => (&top.volume, top.why, &top.tally),
            Task::Below { around, .. } => (&around.volume, around.why, &around.tally),
        };
        let pair = Arc::new(Pair {
            image: task.image(),
            path: task.path(),
            source,
            copy,
            volume: volume.clone(),
            why,
            tally: tally.clone(),
        });
        let directories = self.fill(&pair, &attributes)?;
        self.dress(&pair, &attributes, matches!(task, Task::Top(_)))
            .map_err(at("make", None))?;
        for tally in self.tallies(&pair) {
            tally.directory(|| pair.told(PathBuf::new(), Kind::Directory, What::MadeDirectory));
        }
        let further = |name| Task::Below {
            around: pair.clone(),
            name,
        };
        Ok(directories.into_iter().map(further).collect())
    }

    /// Brings the names of one directory, and gives back the directories among them, which are made.
    fn fill(&self, pair: &Pair, attributes: &Attributes) -> Result<Vec<CString>, At> {
        let mut directories = Vec::new();
        let mut linked = 0;
        let filled = pair.source.for_each(|name, inode, kind| {
            let kind = match kind {
                Some(kind) => kind,
                None => pair.source.kind_of(name).map_err(at("read", Some(name)))?,
            };
            if kind.is_dir() {
                pair.copy
                    .make_dir(name, Mode::RWXU)
                    .map_err(at("make", Some(name)))?;
                directories.push(name.to_owned());
                return Ok(());
            }
            let file = File {
                dir: &pair.source,
                name,
                inode: Identity {
                    device: attributes.identity.device,
                    inode,
                },
                why: pair.why,
            };
            let place = Place {
                dir: &pair.copy,
                name,
                volume: &pair.volume,
            };
            let verb = self.merge.method.word();
            let brought = self.bring(file, place).map_err(at(verb, Some(name)))?;
            self.told(pair, name, kind, brought, &mut linked);
            Ok::<(), At>(())
        });
        for tally in self.tallies(pair) {
            tally.linked(linked);
        }
        filled.map(|()| directories)
    }

    /// The sums of the transaction, and those of the subtree.
    fn tallies<'s>(&'s self, pair: &'s Pair) -> [&'s Tally; 2] {
        [self.tally, &pair.tally]
    }

    fn told(&self, pair: &Pair, name: &CStr, kind: Kind, brought: Brought, linked: &mut u64) {
        let Brought { method, why, lost } = brought;
        if method == Method::Link && why.is_none() {
            *linked += 1;
        }
        for tally in self.tallies(pair) {
            if method != Method::Link || why.is_some() {
                tally.brought(method, why);
            }
            tally.lost(&lost);
        }
        let what = What::Brought {
            method,
            why,
            replaced: false,
        };
        self.tally
            .tell(|| pair.told(PathBuf::from(as_os(name)), kind, what));
    }

    /// Gives the directory all that its source has. Nothing more is put into it after this.
    fn dress(&self, pair: &Pair, source: &Attributes, is_top: bool) -> Result<(), Errno> {
        let xattrs = Xattrs::read(XattrTarget::Open(pair.source.as_fd()))?;
        // The staging inherits nothing, so all that is made in it is as the staging is.
        let made = self.private_owner(&pair.volume)?;
        let lost = metadata::new_directory(self.caller, &pair.copy, &made, source, &xattrs)?;
        for tally in self.tallies(pair) {
            tally.lost(&lost);
        }
        if is_top
            && self.caller.is_shut_out_of_own(&Attributes {
                uid: self.caller.uid,
                ..*source
            })
        {
            // A directory can be renamed to another parent only by who may write to it.
            pair.copy.set_mode(source.mode | 0o700)?;
        }
        rustix::fs::futimens(&pair.copy, &source.times())
    }

    fn private_owner(&self, volume: &std::path::Path) -> Result<Attributes, Errno> {
        let staging = self.stagings.get(&self.destination.root, volume)?;
        Ok(staging.attributes)
    }
}

impl Pair {
    fn told(&self, below: PathBuf, kind: Kind, what: What) -> Told {
        let path = if below.as_os_str().is_empty() {
            self.path.clone()
        } else {
            self.path.join(below)
        };
        Told {
            path,
            image: self.image,
            kind,
            what,
        }
    }
}
