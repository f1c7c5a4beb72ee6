//! Decides what to do for each name of one directory.
//!
//! The images are taken in declared order: the first that has a name places it if DEST has none, and each later image
//! meets what is there by then. So one run over four images plans what four runs would do.

use std::ffi::CStr;
use std::path::PathBuf;

use common::Error;
use common::fs::listing::Entry;
use common::fs::{At, Attributes, FileId, Kind, Listing, as_os};
use rustix::io::Errno;

use super::compare::Comparison;
use super::conflict::{self, Class, Conflict, Decision};
use super::merge_names::MergeNames;
use super::sides::{JoinedDir, Side};
use super::steps::{Act, Anchor, Counts, Seen, Step};
use crate::inputs::Inputs;
use crate::settings::{DirectorySymlinks, OnConflict};

/// What was decided for one directory.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub(crate) steps: Vec<Step>,
    pub(crate) counts: Counts,
    /// Directories below it that are to be read too.
    pub(crate) further: Vec<JoinedDir>,
    pub(crate) anchors: Vec<Anchor>,
    pub(crate) conflicts: Vec<Conflict>,
}

/// A directory that is being decided on.
pub(crate) struct Resolver<'a> {
    pub(crate) inputs: Inputs<'a>,
    pub(crate) joined: &'a JoinedDir,
    pub(crate) sides: &'a [Side],
    pub(crate) out: Resolved,
}

/// One side that has the name.
#[derive(Debug, Clone, Copy)]
struct Holding<'a> {
    side: &'a Side,
    name: &'a CStr,
    kind: Kind,
    inode: u64,
}

impl<'a> Holding<'a> {
    fn at(&self) -> At<'a> {
        At::new(&self.side.dir, self.name)
    }

    /// Whether both are the same inode by readdir's numbers, without a call.
    fn is_inode_of(&self, other: &Self) -> bool {
        let device = |holding: &Self| holding.side.attributes.identity.device;
        self.inode == other.inode
            && self.kind == other.kind
            && device(self) == device(other)
            && self.side.inodes_are_true
            && other.side.inodes_are_true
    }
}

impl Resolver<'_> {
    pub(crate) fn resolve(mut self, lists: &[Listing]) -> Result<Resolved, Error> {
        let mut names = MergeNames::new(lists);
        let mut entries = Vec::with_capacity(lists.len());
        let mut holdings = Vec::with_capacity(lists.len());
        while names.next_into(&mut entries).is_some() {
            holdings.clear();
            for (at, entry) in &entries {
                holdings.push(self.holding(&self.sides[*at], *entry)?);
            }
            self.name(&holdings)?;
        }
        // The pool takes the last one first.
        self.out.further.reverse();
        Ok(self.out)
    }

    fn holding<'b>(&self, side: &'b Side, entry: Entry<'b>) -> Result<Holding<'b>, Error> {
        let kind = entry.kind.map_or_else(|| side.dir.kind_of(entry.name), Ok);
        Ok(Holding {
            side,
            name: entry.name,
            kind: kind.map_err(|cause| self.failed(side, entry.name, cause))?,
            inode: entry.inode,
        })
    }

    fn name(&mut self, holdings: &[Holding<'_>]) -> Result<(), Error> {
        let (holder, rest) = match holdings {
            [] => return Ok(()),
            [only] => {
                if only.side.image.is_some() {
                    self.step(*only, Act::Place);
                }
                return Ok(());
            }
            [first, rest @ ..] => (*first, rest),
        };
        if holder.kind.is_dir() {
            return self.directories(holder, rest);
        }
        let Some(place) = self.place_behind(holder, rest)? else {
            return self.files(holder, rest);
        };
        let (dirs, others): (Vec<_>, Vec<_>) = rest.iter().partition(|it| it.kind.is_dir());
        self.descend(holder.name, place, true, &dirs);
        self.files(holder, &others)
    }

    /// Directories are joined; anything else that meets a directory is a conflict.
    fn directories(&mut self, holder: Holding<'_>, rest: &[Holding<'_>]) -> Result<(), Error> {
        let mut dirs: Vec<Holding<'_>> = Vec::new();
        if holder.side.image.is_some() {
            dirs.push(holder);
        }
        for holding in rest {
            if holding.kind.is_dir() {
                dirs.push(*holding);
            } else {
                self.clash(*holding, holder, Class::Directory)?;
            }
        }
        match (holder.side.image, dirs.as_slice()) {
            (None, []) => {}
            (Some(_), [only]) => {
                self.step(*only, Act::Place);
            }
            (image, _) => {
                let place = self.joined.place.join(as_os(holder.name));
                self.descend(holder.name, place, image.is_none(), &dirs);
            }
        }
        Ok(())
    }

    fn descend(&mut self, name: &CStr, place: PathBuf, in_destination: bool, dirs: &[Holding<'_>]) {
        self.out.further.push(JoinedDir {
            path: self.path(name),
            place,
            in_destination,
            images: dirs.iter().filter_map(|it| it.side.image).collect(),
            around: self.joined.around,
            volume: self.joined.volume.clone(),
            only: None,
        });
    }

    /// Where DEST's symlink leads, if an image's directory may pass through it.
    fn place_behind(
        &self,
        holder: Holding<'_>,
        rest: &[Holding<'_>],
    ) -> Result<Option<PathBuf>, Error> {
        let is_link = holder.kind == Kind::Symlink && holder.side.image.is_none();
        if !self.may_pass() || !is_link || !rest.iter().any(|it| it.kind.is_dir()) {
            return Ok(None);
        }
        let link = self.joined.place.join(as_os(holder.name));
        match self.inputs.destination.place_behind(&link) {
            Ok(place) => Ok(Some(place)),
            Err(Errno::XDEV | Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(cause) => Err(self.failed(holder.side, holder.name, cause)),
        }
    }

    fn may_pass(&self) -> bool {
        self.inputs.merge.directory_symlinks == DirectorySymlinks::Pass
    }

    fn files(&mut self, first: Holding<'_>, rest: &[Holding<'_>]) -> Result<(), Error> {
        let held = first.side.image.is_none().then_some(first);
        let mut holder = first;
        let anchors = self.out.anchors.len();
        let mut placed = None;
        if held.is_none() {
            placed = self.step(first, Act::Place);
        }
        for holding in rest {
            if holding.is_inode_of(&holder) {
                self.step(*holding, Act::There);
                continue;
            }
            let (class, compared) = self.difference(*holding, holder)?;
            let Some(class) = class else {
                let same = self.step(*holding, Act::Same);
                self.remember(same, compared.as_ref());
                continue;
            };
            if !self.clash(*holding, holder, class)? {
                continue;
            }
            if let Some(at) = placed {
                self.out.steps[at].act = Act::Superseded;
            }
            let act = match held {
                Some(held) => Act::Replace(FileId::of(&self.stat(held)?)),
                None => Act::Place,
            };
            // A file that is replaced is nothing to link to.
            self.out.anchors.truncate(anchors);
            placed = self.step(*holding, act);
            if let Some(at) = placed {
                self.out.steps[at].supersedes = held.is_none();
            }
            holder = *holding;
        }
        Ok(())
    }

    /// How they differ, and the attributes of the image's file if it was compared.
    fn difference(
        &mut self,
        holding: Holding<'_>,
        holder: Holding<'_>,
    ) -> Result<(Option<Class>, Option<Attributes>), Error> {
        if holding.kind.is_dir() && holder.kind == Kind::Symlink {
            return Ok((Some(Class::ThroughSymlink), None));
        }
        let (new, old) = (self.stat(holding)?, self.stat(holder)?);
        if new.identity == old.identity {
            return Ok((None, None));
        }
        let (image, held) = ((holding.at(), &new), (holder.at(), &old));
        let class = match Comparison(self.inputs).files(image, held) {
            // What stays anyway need not be readable. It counts as different.
            Err(Errno::ACCESS) if self.inputs.merge.on_conflict == OnConflict::Keep => {
                Some(Class::Content)
            }
            done => done.map_err(|cause| self.failed(holding.side, holding.name, cause))?,
        };
        if class.is_none() && new.links > 1 {
            self.out.anchors.push(Anchor {
                member: new.identity,
                image: holder.side.image,
                path: self.path(holding.name),
                place: self.joined.place.clone(),
                name: holding.name.to_owned(),
                volume: self.joined.volume.clone(),
                held: FileId::of(&old),
            });
        }
        Ok((class, Some(new)))
    }

    /// Adds a conflict. Returns whether the image's file replaces what is held.
    fn clash(
        &mut self,
        holding: Holding<'_>,
        holder: Holding<'_>,
        class: Class,
    ) -> Result<bool, Error> {
        // Merged one after the other, the images might let this directory pass through the link.
        let may_pass_later =
            class == Class::ThroughSymlink && self.may_pass() && self.inputs.images.len() > 1;
        let is_of_directory = matches!(class, Class::Directory | Class::ThroughSymlink);
        let decision = match Decision::by(self.inputs.merge.on_conflict) {
            Some(Decision::Kept) if may_pass_later => None,
            Some(Decision::Replaced) if is_of_directory => None,
            decision => decision,
        };
        let (new, old) = (self.stat(holding)?, self.stat(holder)?);
        let side = |of: Holding<'_>, it| conflict::Side::new(self.inputs, of.side.image, it);
        self.out.conflicts.push(Conflict {
            path: self.path(holding.name),
            class,
            image_side: side(holding, &new),
            held: side(holder, &old),
            decision,
        });
        if decision == Some(Decision::Replaced) {
            return Ok(true);
        }
        let kept = self.step(holding, Act::Kept);
        if !holding.kind.is_dir() {
            self.remember(kept, Some(&new));
        }
        Ok(false)
    }

    /// Notes what the image's file was when it was compared.
    fn remember(&mut self, step: Option<usize>, compared: Option<&Attributes>) {
        if let (Some(at), Some(compared)) = (step, compared) {
            self.out.steps[at].seen = Some(Seen::of(compared));
        }
    }

    /// Adds a step. Returns its position if the plan keeps it.
    fn step(&mut self, holding: Holding<'_>, act: Act) -> Option<usize> {
        self.out.counts.count(act);
        let changes = matches!(act, Act::Place | Act::Replace(_));
        let image = holding.side.image?;
        if !changes && !self.inputs.keeps_unchanged() {
            return None;
        }
        self.out.steps.push(Step {
            name: holding.name.to_owned(),
            image,
            kind: holding.kind,
            inode: holding.inode,
            act,
            supersedes: false,
            seen: None,
        });
        Some(self.out.steps.len() - 1)
    }

    fn stat(&self, holding: Holding<'_>) -> Result<Attributes, Error> {
        let stat = holding.at().stat();
        stat.map_err(|cause| self.failed(holding.side, holding.name, cause))
    }

    fn path(&self, name: &CStr) -> PathBuf {
        self.joined.path.join(as_os(name))
    }

    fn failed(&self, side: &Side, name: &CStr, cause: Errno) -> Error {
        let whole = self.inputs.at(side.image, &self.path(name));
        Error::io("compare", whole, cause)
    }
}
