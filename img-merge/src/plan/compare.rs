//! The one definition of "equal".
//!
//! Two files are equal when their kind, content (or target, or device number), mode, owner and extended attributes
//! are. Times do not count. Neither does what the caller could not have set on a copy.

use std::os::fd::AsFd;

use common::fs::{At, Attributes, Kind, XattrTarget, Xattrs, contents};
use rustix::io::Result;

use super::conflict::Class;
use crate::inputs::Inputs;

/// One side of a comparison: a name, and what it stands for.
pub(crate) type Thing<'a> = (At<'a>, &'a Attributes);

/// Compares for the caller of a transaction. A signal stops it (ECANCELED).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comparison<'a>(pub(crate) Inputs<'a>);

impl Comparison<'_> {
    /// How `image` differs from `held`; `None` if they are equal.
    pub(crate) fn files<'a>(
        &self,
        (image, new): Thing<'a>,
        (held, old): Thing<'a>,
    ) -> Result<Option<Class>> {
        if new.kind != old.kind {
            let a_directory = new.kind.is_dir() || old.kind.is_dir();
            return Ok(Some(if a_directory {
                Class::Directory
            } else {
                Class::Type
            }));
        }
        let class = match new.kind {
            Kind::File => return self.regular((image, new), (held, old)),
            Kind::Symlink => {
                let target = |at: At<'_>| at.dir.read_link(at.name);
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
        let target = |at: At<'a>| XattrTarget::Name(at.dir, at.name);
        self.xattrs(target(image), target(held))
    }

    fn regular(&self, (image, new): Thing<'_>, (held, old): Thing<'_>) -> Result<Option<Class>> {
        if new.size != old.size {
            return Ok(Some(Class::Content));
        }
        let image = image.dir.open_file(image.name)?;
        let held = held.dir.open_file(held.name)?;
        let go_on = || !self.0.is_interrupted();
        if new.size > 0 && !contents::equal(&image, &held, &go_on)? {
            return Ok(Some(Class::Content));
        }
        self.opened((&image, new), (&held, old))
    }

    /// How two files or directories that are open differ, apart from their times and contents.
    pub(crate) fn opened(
        &self,
        (image, new): (impl AsFd, &Attributes),
        (held, old): (impl AsFd, &Attributes),
    ) -> Result<Option<Class>> {
        if let Some(class) = self.metadata(new, old) {
            return Ok(Some(class));
        }
        let (image, held) = (image.as_fd(), held.as_fd());
        self.xattrs(XattrTarget::Open(image), XattrTarget::Open(held))
    }

    fn xattrs(&self, image: XattrTarget<'_>, held: XattrTarget<'_>) -> Result<Option<Class>> {
        let (new, old) = (Xattrs::read(image)?, Xattrs::read(held)?);
        let differs = new.differs_from(&old, held, self.0.caller)?;
        Ok(differs.then_some(Class::Xattr))
    }

    fn metadata(&self, new: &Attributes, old: &Attributes) -> Option<Class> {
        let (uid, gid, mode) = self.0.caller.reachable(new);
        // Linux keeps no mode for a link.
        if old.kind != Kind::Symlink && old.mode != new.mode && old.mode != mode {
            return Some(Class::Mode);
        }
        let same_user = old.uid == new.uid || old.uid == uid;
        let same_group = old.gid == new.gid || old.gid == gid;
        (!same_user || !same_group).then_some(Class::Owner)
    }
}
