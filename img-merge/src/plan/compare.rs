//! The one definition of "identical".
//!
//! Two things are equal when their kind, content (or target, or device number), mode, owner and
//! extended attributes are. Times do not count. What we could not have set on a copy does not count
//! either: a caller who may not chown compares owners no further than they could have been set.

use std::ffi::CStr;
use std::os::fd::AsFd;

use rustix::io::Result;

use super::Class;
use common::fs::contents::GoOn;
use common::fs::xattrs::XattrTarget;
use common::fs::{Attributes, Caller, Dir, Kind, Xattrs, contents};

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thing<'a> {
    pub(crate) dir: &'a Dir,
    pub(crate) name: &'a CStr,
    pub(crate) attributes: &'a Attributes,
}

/// In what `brought` differs from `held`; nothing if they are identical. Large files are compared as long as
/// `go_on` says so.
pub(crate) fn difference(
    (caller, go_on): (&Caller, GoOn<'_>),
    brought: Thing<'_>,
    held: Thing<'_>,
) -> Result<Option<Class>> {
    let (new, old) = (brought.attributes, held.attributes);
    if new.kind != old.kind {
        return Ok(Some(other_kind(new.kind, old.kind)));
    }
    let what = match new.kind {
        Kind::File => return files((caller, go_on), brought, held),
        Kind::Symlink => {
            let same = brought.dir.read_link(brought.name)? == held.dir.read_link(held.name)?;
            (!same).then_some(Class::Target)
        }
        Kind::CharacterDevice | Kind::BlockDevice => {
            (new.device_number != old.device_number).then_some(Class::Type)
        }
        Kind::Fifo | Kind::Socket | Kind::Directory => None,
    };
    if let Some(class) = what.or_else(|| of_metadata(caller, new, old)) {
        return Ok(Some(class));
    }
    of_xattrs(
        caller,
        XattrTarget::Name(brought.dir, brought.name),
        XattrTarget::Name(held.dir, held.name),
    )
}

fn other_kind(new: Kind, old: Kind) -> Class {
    if new.is_dir() || old.is_dir() {
        Class::Directory
    } else {
        Class::Type
    }
}

fn files(
    (caller, go_on): (&Caller, GoOn<'_>),
    brought: Thing<'_>,
    held: Thing<'_>,
) -> Result<Option<Class>> {
    let (new, old) = (brought.attributes, held.attributes);
    if new.size != old.size {
        return Ok(Some(Class::Content));
    }
    let brought = brought.dir.open_file(brought.name)?;
    let held = held.dir.open_file(held.name)?;
    if new.size > 0 && !contents::equal(&brought, &held, go_on)? {
        return Ok(Some(Class::Content));
    }
    if let Some(class) = of_metadata(caller, new, old) {
        return Ok(Some(class));
    }
    let (brought, held) = (brought.as_fd(), held.as_fd());
    of_xattrs(caller, XattrTarget::Open(brought), XattrTarget::Open(held))
}

fn of_xattrs(
    caller: &Caller,
    brought: XattrTarget<'_>,
    held: XattrTarget<'_>,
) -> Result<Option<Class>> {
    let (new, old) = (Xattrs::read(brought)?, Xattrs::read(held)?);
    let differs = new.differs_from(&old, held, caller)?;
    Ok(differs.then_some(Class::Xattr))
}

/// In what mode and owner differ.
fn of_metadata(caller: &Caller, new: &Attributes, old: &Attributes) -> Option<Class> {
    let (uid, gid, mode) = caller.reachable(new);
    // A link's mode is not kept by Linux.
    if old.kind != Kind::Symlink && old.mode != new.mode && old.mode != mode {
        return Some(Class::Mode);
    }
    let owned = (old.uid == new.uid || old.uid == uid) && (old.gid == new.gid || old.gid == gid);
    (!owned).then_some(Class::Owner)
}

/// In what two directories differ, their times and contents apart.
pub(crate) fn directories(
    caller: &Caller,
    (brought, new): (&Dir, &Attributes),
    (held, old): (&Dir, &Attributes),
) -> Result<Option<Class>> {
    if let Some(class) = of_metadata(caller, new, old) {
        return Ok(Some(class));
    }
    let (brought, held) = (brought.as_fd(), held.as_fd());
    of_xattrs(caller, XattrTarget::Open(brought), XattrTarget::Open(held))
}
