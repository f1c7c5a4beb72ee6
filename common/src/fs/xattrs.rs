//! Extended attributes of a file, ACLs and file capabilities among them.
//!
//! Not by the `xattr` crate: its calls take a path or a file, never a name in a directory, and its errors hide which
//! attribute could not be set.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self as sys, AtFlags, XattrFlags};
use rustix::io::{Errno, Result};

use super::attributes::WANTED;
use super::{Attributes, Caller, Dir, as_os};

/// The extended attributes of one file, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Xattrs(Vec<(CString, Vec<u8>)>);

/// A file whose metadata is read or set.
#[derive(Debug, Clone, Copy)]
pub enum XattrTarget<'a> {
    /// A file or directory that is open.
    Open(BorrowedFd<'a>),
    /// A name in a directory: links, fifos, sockets and devices cannot be opened for this.
    Name(&'a Dir, &'a CStr),
}

/// An attribute that could not be set, because of our rights or of the file system.
#[derive(Debug)]
pub struct Lost {
    /// The name of the attribute.
    pub name: CString,
    /// Why it could not be set.
    pub cause: Errno,
}

/// No attribute list and no value is longer (xattr(7)).
const LONGEST: usize = 64 * 1024;

/// Most files have none or few attributes: one call with this much room is enough.
const USUAL: usize = 512;

const DEFAULT_ACL: &CStr = c"system.posix_acl_default";
const ACCESS_ACL: &CStr = c"system.posix_acl_access";

impl XattrTarget<'_> {
    /// The attributes that stat(2) knows, of the file itself.
    pub fn stat(self) -> Result<Attributes> {
        match self {
            Self::Open(fd) => {
                sys::statx(fd, c"", AtFlags::EMPTY_PATH, WANTED).map(|stat| Attributes::of(&stat))
            }
            Self::Name(dir, name) => dir.stat_name(name),
        }
    }

    fn list(self, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::Open(fd) => sys::flistxattr(fd, buffer),
            Self::Name(dir, name) => sys::llistxattr(path(dir, name), buffer),
        }
    }

    fn get(self, attribute: &CStr, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::Open(fd) => sys::fgetxattr(fd, attribute, buffer),
            Self::Name(dir, name) => sys::lgetxattr(path(dir, name), attribute, buffer),
        }
    }

    fn set(self, attribute: &CStr, value: &[u8]) -> Result<()> {
        let flags = XattrFlags::empty();
        match self {
            Self::Open(fd) => sys::fsetxattr(fd, attribute, value, flags),
            Self::Name(dir, name) => sys::lsetxattr(path(dir, name), attribute, value, flags),
        }
    }

    fn remove(self, attribute: &CStr) -> Result<()> {
        match self {
            Self::Open(fd) => sys::fremovexattr(fd, attribute),
            Self::Name(dir, name) => sys::lremovexattr(path(dir, name), attribute),
        }
    }
}

/// The kernel has no xattr call that takes a name in a directory: /proc leads to the handle, and the last name of the
/// path is not followed.
fn path(dir: &Dir, name: &CStr) -> PathBuf {
    Path::new("/proc/self/fd")
        .join(dir.as_fd().as_raw_fd().to_string())
        .join(as_os(name))
}

impl Xattrs {
    /// Reads those of `of` that we may see and that belong to the file, not to its place.
    pub fn read(of: XattrTarget<'_>) -> Result<Self> {
        let mut found = Vec::new();
        for name in names(of)? {
            if let Some(value) = value(of, &name)? {
                found.push((name, value));
            }
        }
        found.sort();
        Ok(Self(found))
    }

    /// Whether the file `on`, which has `held`, differs from a copy that `caller` could make with these.
    ///
    /// A copy lacks what `caller` may not set and what the file system of `on` does not take.
    pub fn differs_from(&self, held: &Self, on: XattrTarget<'_>, caller: &Caller) -> Result<bool> {
        if held.0.iter().any(|pair| !self.0.contains(pair)) {
            return Ok(true);
        }
        for (name, _) in self.0.iter().filter(|pair| !held.0.contains(pair)) {
            if caller.may_set(name) && takes(on, name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sets them on `on`, and returns those that could not be set there.
    pub fn write(&self, on: XattrTarget<'_>) -> Result<Vec<Lost>> {
        let mut lost = Vec::new();
        for (name, value) in &self.0 {
            match on.set(name, value) {
                Ok(()) => {}
                Err(cause @ (Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS)) => {
                    let name = name.clone();
                    lost.push(Lost { name, cause });
                }
                Err(cause) => return Err(cause),
            }
        }
        Ok(lost)
    }

    /// Sets them on `on` and removes its others, but for those that belong to its place.
    pub fn replace(&self, on: XattrTarget<'_>) -> Result<Vec<Lost>> {
        for name in names(on)? {
            if !self.0.iter().any(|(kept, _)| *kept == name) {
                match on.remove(&name) {
                    Ok(()) | Err(Errno::NODATA) => {}
                    Err(cause) => return Err(cause),
                }
            }
        }
        self.write(on)
    }
}

/// Whether an attribute of that name could be there.
fn takes(on: XattrTarget<'_>, name: &CStr) -> Result<bool> {
    match on.get(name, &mut []) {
        Ok(_) | Err(Errno::NODATA | Errno::RANGE) => Ok(true),
        Err(Errno::OPNOTSUPP) => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Removes the ACLs that a new directory inherited from its parent.
pub fn forget_inherited_acl(directory: &Dir) -> Result<()> {
    for name in [DEFAULT_ACL, ACCESS_ACL] {
        match sys::fremovexattr(directory, name) {
            Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

/// Whether an attribute belongs to the file and not to its place. Labels and measures that the system sets by itself
/// are neither copied nor compared.
fn is_its_own(name: &CStr) -> bool {
    let name = name.to_bytes();
    if matches!(
        name,
        b"security.selinux" | b"security.ima" | b"security.evm" | b"security.apparmor"
    ) {
        return false;
    }
    name.starts_with(b"user.")
        || name.starts_with(b"security.")
        || (name.starts_with(b"trusted.") && !name.starts_with(b"trusted.overlay."))
        || name == DEFAULT_ACL.to_bytes()
        || name == ACCESS_ACL.to_bytes()
}

fn names(of: XattrTarget<'_>) -> Result<Vec<CString>> {
    let mut usual = [0; USUAL];
    let mut large = Vec::new();
    let list = match of.list(&mut usual) {
        Ok(length) => &usual[..length],
        Err(Errno::RANGE) => {
            large.resize(LONGEST, 0);
            let length = of.list(&mut large)?;
            &large[..length]
        }
        Err(Errno::OPNOTSUPP) => &[],
        Err(cause) => return Err(cause),
    };
    let names = list.split_inclusive(|&byte| byte == 0);
    let names = names.filter_map(|name| CStr::from_bytes_with_nul(name).ok());
    Ok(names
        .filter(|name| is_its_own(name))
        .map(CStr::to_owned)
        .collect())
}

/// `None` if it is gone by now, or if we may not see its value.
fn value(of: XattrTarget<'_>, name: &CStr) -> Result<Option<Vec<u8>>> {
    let mut value = vec![0; USUAL];
    let length = match of.get(name, &mut value) {
        Err(Errno::RANGE) => {
            value.resize(LONGEST, 0);
            of.get(name, &mut value)
        }
        answer => answer,
    };
    match length {
        Ok(length) => {
            value.truncate(length);
            Ok(Some(value))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_the_system_do_not_belong_to_the_file() {
        for own in [c"user.x", c"trusted.x", c"security.capability", ACCESS_ACL] {
            assert!(is_its_own(own), "{own:?}");
        }
        for other in [
            c"security.selinux",
            c"trusted.overlay.opaque",
            c"btrfs.compression",
        ] {
            assert!(!is_its_own(other), "{other:?}");
        }
    }
}
