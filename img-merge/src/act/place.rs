//! Brings one file (anything but a directory) to a name, by the first method that can.
//!
//! The ladder is link, reflink, copy, from the asked method down. A rung gives way on what says "not
//! here" (another file system, too many links, a link that the kernel forbids) and never on what says
//! "not now" (a full disk, a quota, a read-only file system).

use std::ffi::{CStr, CString};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use rustix::io::{Errno, Result};

use super::copy::Copy;
use super::groups::{Group, Held};
use super::work::Work;
use crate::settings::{Fallback, Method};
use common::fs::xattrs::Lost;
use common::fs::{Dir, FileId, Identity};

/// A file on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct File<'a> {
    pub(crate) dir: &'a Dir,
    pub(crate) name: &'a CStr,
    /// As readdir told it.
    pub(crate) inode: Identity,
    /// Why it could not be renamed, under `--method=move`.
    pub(crate) why: Option<Errno>,
}

/// Where it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) dir: &'a Dir,
    pub(crate) name: &'a CStr,
    /// The file system in DEST that it is on.
    pub(crate) volume: &'a Arc<PathBuf>,
}

/// How it got there.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) method: Method,
    /// Why not by the asked method.
    pub(crate) why: Option<Errno>,
    pub(crate) lost: Vec<Lost>,
}

/// What link(2) answers where another method may do.
pub(crate) fn cannot_link(cause: Errno) -> bool {
    matches!(
        cause,
        Errno::XDEV | Errno::PERM | Errno::ACCESS | Errno::MLINK | Errno::OPNOTSUPP | Errno::NOSYS
    )
}

impl Work<'_> {
    /// The method that is tried first where nothing is renamed.
    fn first_rung(&self) -> Method {
        match self.merge.method {
            Method::Move => Method::Link,
            method => method,
        }
    }

    fn may_fall_back(&self) -> bool {
        self.merge.fallback == Fallback::Allowed
    }

    /// Brings `file` to `place`, which nobody else sees unless the method is link: a link is complete
    /// at once.
    pub(crate) fn bring(&self, file: File<'_>, place: Place<'_>) -> Result<Brought> {
        if let Some(group) = self.groups.known(file.inode) {
            let mut group = group.lock().unwrap_or_else(PoisonError::into_inner);
            if self.link_from(&mut group, place)? {
                return Ok(self.linked(file));
            }
        }
        if self.first_rung() != Method::Link {
            return self.copy(file, place, None);
        }
        match file.dir.link(file.name, place.dir, place.name) {
            Ok(()) => Ok(self.linked(file)),
            Err(cause) if self.may_fall_back() && cannot_link(cause) => {
                self.copy(file, place, Some(cause))
            }
            Err(cause) => Err(cause),
        }
    }

    /// Links, from the image or from the group that the file belongs to; never copies.
    pub(crate) fn bring_by_link(&self, file: File<'_>, place: Place<'_>) -> Result<Brought> {
        if let Some(group) = self.groups.known(file.inode) {
            let mut group = group.lock().unwrap_or_else(PoisonError::into_inner);
            if self.link_from(&mut group, place)? {
                return Ok(self.linked(file));
            }
        }
        if self.first_rung() != Method::Link {
            return Err(Errno::XDEV);
        }
        file.dir.link(file.name, place.dir, place.name)?;
        Ok(self.linked(file))
    }

    /// What `file` was linked to `place` with. It is never asked of `place` alone, where another
    /// may have put something else by now.
    ///
    /// A link has the inode of what it was made from. That one is looked at after the link: overlayfs may
    /// give it another number when it is linked. What cannot be looked at is taken for what was planned,
    /// so an undo leaves it rather than another's.
    pub(crate) fn file_id_linked(&self, file: File<'_>, place: Place<'_>) -> FileId {
        let placed = place.dir.stat_name(place.name);
        let placed = placed.map(|it| FileId::of(&it));
        let staged = match placed {
            Ok(placed) if placed.identity == file.inode => return placed,
            _ => self.staged_of_group(file),
        };
        match staged {
            Some(staged) if placed == Ok(staged) => staged,
            _ => match file.dir.stat_name(file.name) {
                Ok(source) => FileId::of(&source),
                Err(_) => FileId {
                    identity: file.inode,
                    born: 0,
                },
            },
        }
    }

    /// What the names of the group that `file` belongs to are linked from.
    fn staged_of_group(&self, file: File<'_>) -> Option<FileId> {
        let group = self.groups.known(file.inode)?;
        let group = group.lock().unwrap_or_else(PoisonError::into_inner);
        let Group::Staged { volume, name } = &*group else {
            return None;
        };
        let staging = self.stagings.get(&self.destination.root, volume).ok()?;
        let staged = staging.dir.stat_name(name).ok()?;
        Some(FileId::of(&staged))
    }

    fn linked(&self, file: File<'_>) -> Brought {
        Brought {
            method: self.first_rung(),
            why: file.why,
            lost: Vec::new(),
        }
    }

    /// Copies or reflinks to a private place; `why` says why it was not linked.
    fn copy(&self, file: File<'_>, place: Place<'_>, why: Option<Errno>) -> Result<Brought> {
        let source = file.dir.stat_name(file.name)?;
        let copy = Copy {
            caller: self.caller,
            interrupts: self.interrupts,
            from: (file.dir, file.name),
            to: (place.dir, place.name),
        };
        let method = match self.first_rung() {
            Method::Copy => Method::Copy,
            _ => Method::Reflink,
        };
        let make = || copy.make(&source, method, self.may_fall_back());
        if source.links == 1 {
            let copied = make()?;
            return Ok(self.brought(copied, file, why));
        }
        let group = self.groups.of(source.identity);
        let mut group = group.lock().unwrap_or_else(PoisonError::into_inner);
        if self.link_from(&mut group, place)? {
            return Ok(Brought {
                method: self.first_rung(),
                why: why.or(file.why),
                lost: Vec::new(),
            });
        }
        let copied = make()?;
        *group = self.keep_for_group(place)?;
        Ok(self.brought(copied, file, why))
    }

    fn brought(&self, copied: super::copy::Copied, file: File<'_>, why: Option<Errno>) -> Brought {
        // What was recreated because it could not be linked is a copy, whatever was tried between.
        let method = match (self.first_rung(), copied.method) {
            (Method::Link, Method::Reflink) if copied.is_recreated => Method::Copy,
            (_, method) => method,
        };
        Brought {
            method,
            why: file.why.or(why).or(copied.why),
            lost: copied.lost,
        }
    }

    /// Gives the first copy of a group a second name, for those that follow.
    fn keep_for_group(&self, place: Place<'_>) -> Result<Group> {
        let staging = self.stagings.get(&self.destination.root, place.volume)?;
        let name: CString = staging.fresh();
        match place.dir.link(place.name, &staging.dir, &name) {
            Ok(()) => Ok(Group::Staged {
                volume: place.volume.clone(),
                name,
            }),
            Err(cause) if cannot_link(cause) => Ok(Group::Split),
            Err(cause) => Err(cause),
        }
    }

    /// Whether `place` is now one more name of the group.
    fn link_from(&self, group: &mut Group, place: Place<'_>) -> Result<bool> {
        if let Group::Held(held) = group {
            *group = self.take_hold(held)?;
        }
        let Group::Staged { volume, name } = group else {
            return Ok(false);
        };
        let staging = self.stagings.get(&self.destination.root, volume)?;
        match staging.dir.link(&*name, place.dir, place.name) {
            Ok(()) => Ok(true),
            Err(cause) if cannot_link(cause) => {
                *group = self.split();
                Ok(false)
            }
            Err(cause) => Err(cause),
        }
    }

    /// Gives the file that is held a second name in the staging, unless its name stands for another by
    /// now.
    fn take_hold(&self, held: &Held) -> Result<Group> {
        if held.from.is_some() && self.first_rung() != Method::Link {
            // What DEST gets is a copy that is not made yet.
            return Ok(self.split());
        }
        let root = &self.destination.root;
        let staging = self.stagings.get(root, &held.volume)?;
        let name = staging.fresh();
        let in_image = |(image, path): &(usize, PathBuf)| {
            let dir = self.images[*image].root.beneath(path)?;
            dir.link(&held.name, &staging.dir, &name)
        };
        let linked = match held.from.as_ref().map(in_image) {
            // DEST has it, or it was renamed there by now.
            None | Some(Err(Errno::NOENT)) => root
                .beneath(&held.place)
                .and_then(|dir| dir.link(&held.name, &staging.dir, &name)),
            Some(done) => done,
        };
        match linked {
            Ok(()) if held.it.is(&staging.dir.stat_name(&name)?, &staging.dir)? => {
                Ok(Group::Staged {
                    volume: held.volume.clone(),
                    name,
                })
            }
            Ok(()) => {
                staging.dir.unlink(&name)?;
                Ok(self.split())
            }
            Err(cause) if cause == Errno::NOENT || cannot_link(cause) => Ok(self.split()),
            Err(cause) => Err(cause),
        }
    }

    fn split(&self) -> Group {
        self.tally.split_group();
        Group::Split
    }
}
