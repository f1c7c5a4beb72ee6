//! Decides what becomes of each name of one directory.
//!
//! The images are taken in declared order: the first that has a name brings it if DEST has none, and
//! each later one meets what is then there. So a run over four images plans what four runs would do.

use std::ffi::CStr;
use std::path::PathBuf;

use common::Error;
use rustix::io::Errno;

use super::compare::{self, Thing};
use super::conflict::{self, Class, Conflict, Decision};
use super::merge_names::MergeNames;
use super::scan::{Scan, Side, Task, as_os};
use super::{Act, Anchor, Seen, Step, discards};
use crate::settings::{DirectorySymlinks, Method, OnConflict};
use common::fs::listing::Entry;
use common::fs::{Attributes, FileId, Kind, Listing};

/// The names of one directory on their way to steps.
#[derive(Debug)]
pub(crate) struct Name<'a> {
    scan: &'a Scan<'a>,
    task: &'a Task,
    sides: &'a [Side],
    steps: Vec<Step>,
    further: Vec<Task>,
    counts: super::Counts,
    anchors: Vec<Anchor>,
}

/// One side's holding of the name at hand.
#[derive(Debug, Clone, Copy)]
struct Has<'a> {
    side: &'a Side,
    kind: Kind,
    inode: u64,
}

impl<'a> Name<'a> {
    pub(crate) fn new(scan: &'a Scan<'a>, task: &'a Task, sides: &'a [Side]) -> Self {
        Self {
            scan,
            task,
            sides,
            steps: Vec::new(),
            further: Vec::new(),
            counts: super::Counts::default(),
            anchors: Vec::new(),
        }
    }

    pub(crate) fn join_all(&mut self, lists: &[Listing]) -> Result<(), Error> {
        let mut names = MergeNames::new(lists);
        let mut entries = Vec::with_capacity(lists.len());
        let mut has = Vec::with_capacity(lists.len());
        while let Some(name) = names.next_into(&mut entries) {
            has.clear();
            for (at, entry) in &entries {
                has.push(self.has(&self.sides[*at], *entry)?);
            }
            self.join(name, &has)?;
        }
        self.scan.lock().plan.anchors.append(&mut self.anchors);
        Ok(())
    }

    pub(crate) fn done(mut self) -> (Vec<Step>, super::Counts, Vec<Task>) {
        // The pool takes the last first.
        self.further.reverse();
        (self.steps, self.counts, self.further)
    }

    fn has(&self, side: &'a Side, entry: Entry<'_>) -> Result<Has<'a>, Error> {
        let kind = match entry.kind {
            Some(kind) => kind,
            None => side
                .dir
                .kind_of(entry.name)
                .map_err(|c| self.failed(side, entry.name, c))?,
        };
        let inode = entry.inode;
        Ok(Has { side, kind, inode })
    }

    fn join(&mut self, name: &CStr, has: &[Has<'_>]) -> Result<(), Error> {
        let (holder, rest) = match has {
            [] => return Ok(()),
            // What only DEST has, and most often what only one image has.
            [only] => {
                if only.side.image.is_some() {
                    self.step(name, *only, Act::Place);
                }
                return Ok(());
            }
            [first, rest @ ..] => (*first, rest),
        };
        if holder.kind.is_dir() {
            self.join_dirs(name, holder, rest)
        } else if let Some(place) = self.passes_through(name, holder, rest)? {
            let (dirs, others): (Vec<_>, Vec<_>) = rest.iter().partition(|has| has.kind.is_dir());
            self.descend(name, place, true, &dirs);
            self.join_files(name, holder, &others)
        } else {
            self.join_files(name, holder, rest)
        }
    }

    /// What is a directory is looked into; whatever else comes to it is a conflict.
    fn join_dirs(&mut self, name: &CStr, holder: Has<'_>, rest: &[Has<'_>]) -> Result<(), Error> {
        let mut dirs: Vec<Has<'_>> = Vec::new();
        if holder.side.image.is_some() {
            dirs.push(holder);
        }
        for has in rest {
            if has.kind.is_dir() {
                dirs.push(*has);
            } else {
                self.clash(name, *has, holder, Class::Directory)?;
            }
        }
        match (holder.side.image, dirs.as_slice()) {
            (None, []) => {}
            (Some(_), [only]) => {
                self.step(name, *only, Act::Place);
            }
            (image, _) => {
                let place = self.task.place.join(as_os(name));
                self.descend(name, place, image.is_none(), &dirs);
            }
        }
        Ok(())
    }

    fn descend(&mut self, name: &CStr, place: PathBuf, in_destination: bool, dirs: &[Has<'_>]) {
        if dirs.is_empty() {
            return;
        }
        self.further.push(Task {
            path: self.task.path.join(as_os(name)),
            place,
            in_destination,
            images: dirs.iter().filter_map(|has| has.side.image).collect(),
            around: self.task.around,
            volume: self.task.volume.clone(),
            only: None,
        });
    }

    /// Where DEST's symlink leads, if it may be passed through by a directory of an image.
    fn passes_through(
        &self,
        name: &CStr,
        holder: Has<'_>,
        rest: &[Has<'_>],
    ) -> Result<Option<PathBuf>, Error> {
        let asked = self.scan.merge.directory_symlinks == DirectorySymlinks::Pass;
        let is_link = holder.kind == Kind::Symlink && holder.side.image.is_none();
        if !asked || !is_link || !rest.iter().any(|has| has.kind.is_dir()) {
            return Ok(None);
        }
        let link = self.task.place.join(as_os(name));
        match self.scan.destination.place_behind(&link) {
            Ok(place) => Ok(Some(place)),
            Err(Errno::XDEV | Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(cause) => Err(self.failed(holder.side, name, cause)),
        }
    }

    fn join_files(&mut self, name: &CStr, first: Has<'_>, rest: &[Has<'_>]) -> Result<(), Error> {
        let held = first.side.image.is_none().then_some(first);
        let mut holder = first;
        let mut placed = None;
        let anchors = self.anchors.len();
        if held.is_none() {
            placed = Some(self.step(name, first, Act::Place));
        }
        for has in rest {
            if is_same_inode(has, &holder) {
                self.step(name, *has, Act::There);
                continue;
            }
            let (class, compared) = self.difference(name, *has, holder)?;
            let Some(class) = class else {
                let same = self.step(name, *has, Act::Same);
                if let Some(it) = &compared {
                    self.seen(same, it);
                }
                continue;
            };
            if self.clash(name, *has, holder, class)? {
                if let Some(Some(at)) = placed {
                    self.steps[at].act = Act::Outdone;
                }
                let act = match held {
                    Some(held) => Act::Replace(FileId::of(&self.stat(name, held)?)),
                    None => Act::Place,
                };
                // What gives way is nothing to link from.
                self.anchors.truncate(anchors);
                placed = Some(self.step(name, *has, act));
                if let Some(Some(at)) = placed {
                    self.steps[at].outdoes = held.is_none();
                }
                holder = *has;
            }
        }
        Ok(())
    }

    /// In what they differ, and how the image's was when it was compared.
    fn difference(
        &mut self,
        name: &CStr,
        has: Has<'_>,
        holder: Has<'_>,
    ) -> Result<(Option<Class>, Option<Attributes>), Error> {
        if has.kind.is_dir() && holder.kind == Kind::Symlink {
            return Ok((Some(Class::ThroughSymlink), None));
        }
        let (new, old) = (self.stat(name, has)?, self.stat(name, holder)?);
        if new.identity == old.identity {
            return Ok((None, None));
        }
        let brought = Thing {
            dir: &has.side.dir,
            name,
            attributes: &new,
        };
        let held = Thing {
            dir: &holder.side.dir,
            name,
            attributes: &old,
        };
        let go_on = || self.scan.interrupts.pending().is_none();
        let class = match compare::difference((self.scan.caller, &go_on), brought, held) {
            // What is kept anyway need not be readable; what cannot be read counts as different.
            Err(Errno::ACCESS) if self.scan.merge.on_conflict == OnConflict::Keep => {
                Some(Class::Content)
            }
            done => done.map_err(|cause| self.failed(has.side, name, cause))?,
        };
        if class.is_none() && new.links > 1 {
            self.anchors.push(Anchor {
                member: new.identity,
                links: new.links,
                image: holder.side.image,
                path: self.task.path.join(as_os(name)),
                place: self.task.place.clone(),
                name: name.to_owned(),
                volume: self.task.volume.clone(),
                held: FileId::of(&old),
            });
        }
        Ok((class, Some(new)))
    }

    /// Notes a conflict and tells whether the image's takes the place.
    fn clash(
        &mut self,
        name: &CStr,
        has: Has<'_>,
        holder: Has<'_>,
        class: Class,
    ) -> Result<bool, Error> {
        let never_replaced = matches!(class, Class::Directory | Class::ThroughSymlink);
        let decision = match self.scan.merge.on_conflict {
            OnConflict::Keep if self.may_pass_later(name, holder, class)? => None,
            OnConflict::Keep => Some(Decision::Kept),
            OnConflict::Replace if !never_replaced => Some(Decision::Replaced),
            OnConflict::Error | OnConflict::Replace => None,
        };
        let (new, old) = (self.stat(name, has)?, self.stat(name, holder)?);
        self.scan.conflict(Conflict {
            path: self.task.path.join(as_os(name)),
            class,
            image: has.side.image.unwrap_or_default(),
            brought: conflict::Side::new(self.scan.root_of(has.side.image), &new),
            held: conflict::Side::new(self.scan.root_of(holder.side.image), &old),
            decision,
        });
        if decision == Some(Decision::Replaced) {
            return Ok(true);
        }
        let kept = self.step(name, has, Act::Kept);
        match kept {
            Some(at) if has.kind.is_dir() && self.scan.merge.method == Method::Move => {
                let path = self.task.path.join(as_os(name));
                discards::directories(&has.side.dir, name, path, &mut self.steps[at].discards)
                    .map_err(|cause| self.failed(has.side, name, cause))?;
            }
            _ => self.seen(kept, &new),
        }
        Ok(false)
    }

    /// Remembers how the image's was when it was compared.
    fn seen(&mut self, step: Option<usize>, it: &Attributes) {
        if let Some(at) = step {
            self.steps[at].seen = Some(Seen::of(it));
        }
    }

    /// Whether a directory at a link would pass through it if the images came one after the other: the
    /// link, or what it leads to, is brought by one of them. It is not kept out then for good.
    fn may_pass_later(&self, name: &CStr, holder: Has<'_>, class: Class) -> Result<bool, Error> {
        let asked = self.scan.merge.directory_symlinks == DirectorySymlinks::Pass;
        if !asked || class != Class::ThroughSymlink || self.scan.images.len() == 1 {
            return Ok(false);
        }
        if holder.side.image.is_some() {
            return Ok(true);
        }
        let link = self.task.place.join(as_os(name));
        match self.scan.destination.place_behind(&link) {
            Err(Errno::NOENT) => Ok(true),
            Ok(_) | Err(Errno::XDEV | Errno::NOTDIR | Errno::LOOP) => Ok(false),
            Err(cause) => Err(self.failed(holder.side, name, cause)),
        }
    }

    /// Adds a step, and tells where it stands if it was remembered.
    fn step(&mut self, name: &CStr, has: Has<'_>, act: Act) -> Option<usize> {
        self.counts.count(act);
        let changes = matches!(act, Act::Place | Act::Replace(_));
        let image = has.side.image?;
        if !changes && !self.scan.remember_all {
            return None;
        }
        self.steps.push(Step {
            name: name.to_owned(),
            image,
            kind: has.kind,
            inode: has.inode,
            act,
            outdoes: false,
            seen: None,
            discards: Vec::new(),
        });
        Some(self.steps.len() - 1)
    }

    fn stat(&self, name: &CStr, has: Has<'_>) -> Result<Attributes, Error> {
        has.side
            .dir
            .stat_name(name)
            .map_err(|cause| self.failed(has.side, name, cause))
    }

    fn failed(&self, side: &Side, name: &CStr, cause: Errno) -> Error {
        let path = self.task.path.join(as_os(name));
        Error::io("compare", self.scan.path_of(side, &path), cause)
    }
}

/// Known without a call where readdir tells true inode numbers.
fn is_same_inode(a: &Has<'_>, b: &Has<'_>) -> bool {
    let (left, right) = (&a.side.attributes.identity, &b.side.attributes.identity);
    a.inode == b.inode
        && a.kind == b.kind
        && left.device == right.device
        && a.side.inodes_are_true
        && b.side.inodes_are_true
}
