//! Extended attributes of a thing, ACLs and file capabilities among them.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{self as sys, XattrFlags};
use rustix::io::{Errno, Result};

use super::{Caller, Dir};

/// The attributes of one thing, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Xattrs(Vec<(CString, Vec<u8>)>);

/// A thing that has attributes.
#[derive(Debug, Clone, Copy)]
pub enum XattrTarget<'a> {
    /// A file or directory that is open.
    Open(BorrowedFd<'a>),
    /// Any other kind, by its name.
    Name(&'a Dir, &'a CStr),
}

/// An attribute that the file system or our rights did not let us set.
#[derive(Debug)]
pub struct Lost {
    /// The name of the attribute.
    pub name: CString,
    /// Why it could not be set.
    pub cause: Errno,
}

/// No attribute list and no value is longer (xattr(7)).
const LONGEST: usize = 64 * 1024;

/// Most things have none or few: one call with this much room tells.
const USUAL: usize = 512;

const DEFAULT_ACL: &CStr = c"system.posix_acl_default";
const ACCESS_ACL: &CStr = c"system.posix_acl_access";

impl XattrTarget<'_> {
    /// The kernel has no xattr call that takes a name in a directory: /proc leads to the handle, and
    /// the last name of the path is not followed.
    fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Open(_) => None,
            Self::Name(dir, name) => {
                let mut path = PathBuf::from(format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd()));
                path.push(OsStr::from_bytes(name.to_bytes()));
                Some(path)
            }
        }
    }

    fn list(&self, buffer: &mut [u8]) -> Result<usize> {
        match (self, self.path()) {
            (Self::Open(fd), _) => sys::flistxattr(fd, buffer),
            (_, path) => sys::llistxattr(path.unwrap_or_default(), buffer),
        }
    }

    fn get(&self, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
        match (self, self.path()) {
            (Self::Open(fd), _) => sys::fgetxattr(fd, name, buffer),
            (_, path) => sys::lgetxattr(path.unwrap_or_default(), name, buffer),
        }
    }

    fn set(&self, name: &CStr, value: &[u8]) -> Result<()> {
        let flags = XattrFlags::empty();
        match (self, self.path()) {
            (Self::Open(fd), _) => sys::fsetxattr(fd, name, value, flags),
            (_, path) => sys::lsetxattr(path.unwrap_or_default(), name, value, flags),
        }
    }

    fn remove(&self, name: &CStr) -> Result<()> {
        match (self, self.path()) {
            (Self::Open(fd), _) => sys::fremovexattr(fd, name),
            (_, path) => sys::lremovexattr(path.unwrap_or_default(), name),
        }
    }
}

impl Xattrs {
    /// Reads what `of` bears, as far as we may see it and as far as it is the thing's own.
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

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether what bears `held` differs from what a copy of the bearer of these would have there.
    ///
    /// What `caller` may not set, or the file system of `on` does not take, no copy would have.
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

    /// Sets them on `on`, and gives back those that cannot be had there.
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

    /// Makes `on` bear these and no others that a merge knows of.
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

/// Takes away the ACLs that a new directory inherited from the one it was made in.
pub fn forget_inherited_acl(directory: &Dir) -> Result<()> {
    for name in [DEFAULT_ACL, ACCESS_ACL] {
        match sys::fremovexattr(directory, name) {
            Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

/// The attributes that belong to the thing and not to the place it lies in: labels and measures that
/// the system itself sets are neither copied nor compared.
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

/// Nothing where it went away meanwhile, or where its value is not ours to see.
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
    fn what_the_system_sets_is_not_the_things_own() {
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
