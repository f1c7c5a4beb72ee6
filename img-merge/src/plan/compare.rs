//! The one definition of "equal".
//!
//! Two files are equal when their kind, content (or target, or device number), mode, owner and extended attributes
//! are. Times do not count. Neither does what the caller could not have set on a copy.

use std::os::fd::AsFd;

use common::Interrupts;
use common::fs::{At, Attributes, Caller, Dir, Kind, XattrTarget, Xattrs, contents};
use rustix::io::Result;

use super::conflict::Class;

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thing<'a> {
    pub(crate) at: At<'a>,
    pub(crate) attributes: &'a Attributes,
}

impl<'a> Thing<'a> {
    pub(crate) fn new(at: At<'a>, attributes: &'a Attributes) -> Self {
        Self { at, attributes }
    }
}

/// Compares for one caller. A signal stops it (ECANCELED).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comparison<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) interrupts: &'a Interrupts,
}

impl Comparison<'_> {
    /// How `image` differs from `held`; `None` if they are equal.
    pub(crate) fn files(&self, image: Thing<'_>, held: Thing<'_>) -> Result<Option<Class>> {
        let (new, old) = (image.attributes, held.attributes);
        if new.kind != old.kind {
            let a_directory = new.kind.is_dir() || old.kind.is_dir();
            return Ok(Some(if a_directory {
                Class::Directory
            } else {
                Class::Type
            }));
        }
        let class = match new.kind {
            Kind::File => return self.regular(image, held),
            Kind::Symlink => {
                let target = |thing: Thing<'_>| thing.at.dir.read_link(thing.at.name);
                (target(image)? != target(held)?).then_some(Class::Target)
            }
            Kind::CharacterDevice | Kind::BlockDevice => {
                (new.device_number != old.device_number).then_some(Class::Type)
            }
            Kind::Fifo | Kind::Socket | Kind::Directory => None,
        };
        if let Some(class) = class.or_else(|| self.metadata(new, old)) {
            return Ok(Some(class));
        }
        let name = |thing: Thing<'_>| Xattrs::read(XattrTarget::Name(thing.at.dir, thing.at.name));
        let on = XattrTarget::Name(held.at.dir, held.at.name);
        self.xattrs(&name(image)?, &name(held)?, on)
    }

    fn regular(&self, image: Thing<'_>, held: Thing<'_>) -> Result<Option<Class>> {
        let (new, old) = (image.attributes, held.attributes);
        if new.size != old.size {
            return Ok(Some(Class::Content));
        }
        let image = image.at.dir.open_file(image.at.name)?;
        let held = held.at.dir.open_file(held.at.name)?;
        let go_on = || self.interrupts.pending().is_none();
        if new.size > 0 && !contents::equal(&image, &held, &go_on)? {
            return Ok(Some(Class::Content));
        }
        self.opened(image, held, new, old)
    }

    /// How two directories differ, apart from their times and contents.
    pub(crate) fn directories(
        &self,
        image: (&Dir, &Attributes),
        held: (&Dir, &Attributes),
    ) -> Result<Option<Class>> {
        self.opened(image.0, held.0, image.1, held.1)
    }

    fn opened(
        &self,
        image: impl AsFd,
        held: impl AsFd,
        new: &Attributes,
        old: &Attributes,
    ) -> Result<Option<Class>> {
        if let Some(class) = self.metadata(new, old) {
            return Ok(Some(class));
        }
        let new = Xattrs::read(XattrTarget::Open(image.as_fd()))?;
        let on = XattrTarget::Open(held.as_fd());
        self.xattrs(&new, &Xattrs::read(on)?, on)
    }

    fn xattrs(&self, new: &Xattrs, old: &Xattrs, on: XattrTarget<'_>) -> Result<Option<Class>> {
        let differs = new.differs_from(old, on, self.caller)?;
        Ok(differs.then_some(Class::Xattr))
    }

    fn metadata(&self, new: &Attributes, old: &Attributes) -> Option<Class> {
        let (uid, gid, mode) = self.caller.reachable(new);
        // Linux keeps no mode for a link.
        if old.kind != Kind::Symlink && old.mode != new.mode && old.mode != mode {
            return Some(Class::Mode);
        }
        let same_user = old.uid == new.uid || old.uid == uid;
        let same_group = old.gid == new.gid || old.gid == gid;
        (!same_user || !same_group).then_some(Class::Owner)
    }
}
