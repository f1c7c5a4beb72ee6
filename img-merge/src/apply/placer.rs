//! Gets one file (anything but a directory) to a name, by the first method that works.
//!
//! The methods are link, reflink, copy, from the chosen one on. The next one is tried after an error that says "not
//! here" (another file system, too many links, a link that the kernel forbids), and never after one that says "not now"
//! (a full disk, a quota, a read-only file system).

use std::path::PathBuf;
use std::sync::Arc;

use common::fs::copy::{Content, Copier, Way};
use common::fs::{At, FileId, Identity};
use common::lock;
use rustix::io::{Errno, Result};

use super::groups::{Group, Held};
use super::transaction::Transaction;
use crate::settings::{Fallback, Method};
use crate::stats::Placed;

/// A file of an image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) at: At<'a>,
    /// As readdir gave it.
    pub(crate) inode: Identity,
    /// Why it could not be renamed, under `--method=move`.
    pub(crate) why: Option<Errno>,
}

/// A name for it in DEST or in a staging.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) at: At<'a>,
    /// The file system in DEST that it is on.
    pub(crate) volume: &'a Arc<PathBuf>,
}

impl<'a> Place<'a> {
    pub(crate) fn new(at: At<'a>, volume: &'a Arc<PathBuf>) -> Self {
        Self { at, volume }
    }
}

/// Whether an error of link(2) lets us try another method.
pub(crate) fn cannot_link(cause: Errno) -> bool {
    matches!(
        cause,
        Errno::XDEV | Errno::PERM | Errno::ACCESS | Errno::MLINK | Errno::OPNOTSUPP | Errno::NOSYS
    )
}

/// Places files for one transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placer<'a> {
    pub(crate) tx: &'a Transaction<'a>,
}

impl Placer<'_> {
    /// The first method for a file that is not renamed.
    fn first_method(self) -> Method {
        match self.tx.inputs.merge.method {
            Method::Move => Method::Link,
            method => method,
        }
    }

    pub(crate) fn may_fall_back(self) -> bool {
        self.tx.inputs.merge.fallback == Fallback::Allowed
    }

    /// Whether [`Placer::link`] may succeed for `source`.
    pub(crate) fn links(self, source: Source<'_>) -> bool {
        self.first_method() == Method::Link || self.tx.groups.known(source.inode).is_some()
    }

    /// Places `source` at a name that nobody else sees yet.
    pub(crate) fn place(self, source: Source<'_>, place: Place<'_>) -> Result<Placed> {
        match self.link(source, place) {
            Err(cause) if self.first_method() != Method::Link && cause == Errno::XDEV => {
                self.copy(source, place, None)
            }
            Err(cause) if self.may_fall_back() && cannot_link(cause) => {
                self.copy(source, place, Some(cause))
            }
            done => done,
        }
    }

    /// Links `source`, or the file that its group is linked from, to a name. It never copies: EXDEV.
    pub(crate) fn link(self, source: Source<'_>, place: Place<'_>) -> Result<Placed> {
        let group = self.tx.groups.known(source.inode);
        let linked = match group {
            Some(group) => self.link_from(&mut lock(&group), place)?,
            None => false,
        };
        if !linked {
            if self.first_method() != Method::Link {
                return Err(Errno::XDEV);
            }
            source.at.link(place.at)?;
        }
        Ok(Placed::new(self.first_method(), source.why))
    }

    /// What [`Placer::link`] links `source` from.
    pub(crate) fn linked_from(self, source: Source<'_>) -> Result<FileId> {
        let group = self.tx.groups.known(source.inode);
        let found = match group.as_deref().map(lock).as_deref() {
            Some(Group::Staged { volume, name }) => {
                self.tx.stagings.get(volume)?.at(name).stat()?
            }
            _ => source.at.stat()?,
        };
        Ok(FileId::of(&found))
    }

    /// Copies or reflinks to a name that nobody else sees yet; `why` is why it was not linked.
    fn copy(self, source: Source<'_>, place: Place<'_>, why: Option<Errno>) -> Result<Placed> {
        let why = source.why.or(why);
        let found = source.at.stat()?;
        let go_on = || !self.tx.inputs.is_interrupted();
        let copier = Copier {
            caller: self.tx.inputs.caller,
            content: match self.first_method() {
                Method::Copy => Content::Copy,
                _ if self.may_fall_back() => Content::ReflinkOrCopy,
                _ => Content::Reflink,
            },
            go_on: &go_on,
        };
        let group = (found.links > 1).then(|| self.tx.groups.of(found.identity));
        let mut group = group.as_deref().map(lock);
        if let Some(group) = &mut group {
            if self.link_from(group, place)? {
                return Ok(Placed::new(self.first_method(), why));
            }
        }
        let made = copier.copy(source.at, place.at, &found)?;
        if let Some(group) = &mut group {
            **group = self.keep_for_group(place)?;
        }
        let first = self.first_method();
        let (method, cause) = match made.way {
            Way::Reflinked => (Method::Reflink, None),
            Way::Copied(cause) => (Method::Copy, cause),
            // It could not be linked, so it is a copy, though it has no bytes.
            Way::Made if first == Method::Link => (Method::Copy, None),
            Way::Made => (first, None),
        };
        Ok(Placed {
            method,
            why: why.or(cause),
            lost: made.lost,
        })
    }

    /// Gives the first copy of a group a second name, to link the others from.
    fn keep_for_group(self, place: Place<'_>) -> Result<Group> {
        let staging = self.tx.stagings.get(place.volume)?;
        let name = staging.fresh();
        match place.at.link(staging.at(&name)) {
            Ok(()) => Ok(Group::Staged {
                volume: place.volume.clone(),
                name,
            }),
            Err(cause) if cannot_link(cause) => Ok(Group::Split),
            Err(cause) => Err(cause),
        }
    }

    /// Whether `place` is one more name of the group now.
    fn link_from(self, group: &mut Group, place: Place<'_>) -> Result<bool> {
        if let Group::Held(held) = group {
            *group = self.take_hold(held)?;
        }
        let Group::Staged { volume, name } = group else {
            return Ok(false);
        };
        let staging = self.tx.stagings.get(volume)?;
        match staging.at(name).link(place.at) {
            Ok(()) => Ok(true),
            Err(cause) if cannot_link(cause) => {
                *group = self.split();
                Ok(false)
            }
            Err(cause) => Err(cause),
        }
    }

    /// Gives the equal file a second name in the staging, if its name still stands for it.
    fn take_hold(self, held: &Held) -> Result<Group> {
        if held.from.is_some() && self.first_method() != Method::Link {
            // DEST gets a copy of it, which is not made yet.
            return Ok(self.split());
        }
        let staging = self.tx.stagings.get(&held.volume)?;
        let name = staging.fresh();
        let staged = staging.at(&name);
        let from_image = held.from.as_ref().map(|(image, path)| {
            let dir = self.tx.inputs.images[*image].root.beneath(path)?;
            At::new(&dir, &held.name).link(staged)
        });
        let linked = match from_image {
            // DEST has it, or it was renamed there by now.
            None | Some(Err(Errno::NOENT)) => {
                let dir = self.tx.inputs.destination.root.beneath(&held.place);
                dir.and_then(|dir| At::new(&dir, &held.name).link(staged))
            }
            Some(done) => done,
        };
        match linked {
            Ok(()) if staged.find(held.id)?.is_some() => Ok(Group::Staged {
                volume: held.volume.clone(),
                name,
            }),
            Ok(()) => {
                staging.dir.unlink(&*name)?;
                Ok(self.split())
            }
            Err(cause) if cause == Errno::NOENT || cannot_link(cause) => Ok(self.split()),
            Err(cause) => Err(cause),
        }
    }

    fn split(self) -> Group {
        lock(&self.tx.stats).split_groups += 1;
        Group::Split
    }
}
