//! Refuses an image and DEST, or two images, of which one lies inside the other, also behind symlinks and mounts.
//!
//! A directory has one place in its file system, however many paths lead to it. mountinfo says which part of which file
//! system each mount shows. A mount that both trees have under one name is found while the directories are read.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use common::Error;
use common::fs::Dir;
use rustix::io::Errno;

use crate::destination::{parent_of, path_of};
use crate::failure::Failure;
use crate::image::Image;

/// A directory in its file system.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Home {
    /// Major and minor number.
    device: Vec<u8>,
    path: PathBuf,
}

impl Home {
    fn holds(&self, other: &Self) -> bool {
        self.device == other.device && other.path.starts_with(&self.path)
    }
}

/// A line of mountinfo.
#[derive(Debug)]
struct Mount {
    id: u64,
    /// The part of a file system that it shows.
    home: Home,
    /// The directory where it is mounted.
    point: PathBuf,
}

/// An image, or DEST.
#[derive(Debug)]
struct Tree<'a> {
    /// As the user named it.
    name: &'a Path,
    /// Without links.
    path: PathBuf,
    /// `None` if no known mount shows it.
    home: Option<Home>,
}

/// Refuses `images` and a `destination` of which two overlap.
pub(crate) fn refuse(images: &[Image], destination: &Path) -> Result<(), Failure> {
    let mounts =
        common::procfs::read("/proc/self/mountinfo").map_or_else(|_| Vec::new(), |all| parse(&all));
    let failed = |name: &Path, cause| Error::io("resolve", name, cause);
    let mut trees = Vec::new();
    for image in images {
        let mount = image.attributes.mount;
        let tree = Tree::of(&image.path, (&image.root, mount), None, &mounts);
        trees.push(tree.map_err(|cause| failed(&image.path, cause))?);
    }
    let tree = Tree::of_destination(destination, &mounts);
    trees.push(tree.map_err(|cause| failed(destination, cause))?);
    let mut errors = Vec::new();
    for (at, tree) in trees.iter().enumerate() {
        for other in &trees[..at] {
            if tree.shows(other, &mounts) || other.shows(tree, &mounts) {
                let why = format!("it overlaps {}", common::show::path(other.name));
                errors.push(Error::refused("merge", tree.name, why));
            }
        }
    }
    Failure::unless_none(errors)
}

impl<'a> Tree<'a> {
    /// The directory `dir`, which was reached through `mount`, or `below` it.
    fn of(
        name: &'a Path,
        (dir, mount): (&Dir, u64),
        below: Option<&OsStr>,
        mounts: &[Mount],
    ) -> Result<Self, Errno> {
        let path = path_of(dir)?;
        let home = mounts.iter().find(|it| it.id == mount).and_then(|mount| {
            let rest = path.strip_prefix(&mount.point).ok()?;
            Some(Home {
                path: mount.home.path.join(rest),
                ..mount.home.clone()
            })
        });
        let add = |path: PathBuf| below.map_or_else(|| path.clone(), |name| path.join(name));
        Ok(Self {
            name,
            path: add(path.clone()),
            home: home.map(|home| Home {
                path: add(home.path),
                ..home
            }),
        })
    }

    /// DEST, which may be missing yet.
    fn of_destination(name: &'a Path, mounts: &[Mount]) -> Result<Self, Errno> {
        match Dir::named(name) {
            Ok(dir) => Self::of(name, (&dir, dir.stat()?.mount), None, mounts),
            Err(Errno::NOENT) => {
                let parent = Dir::named(parent_of(name))?;
                let mount = parent.stat()?.mount;
                Self::of(name, (&parent, mount), name.file_name(), mounts)
            }
            Err(cause) => Err(cause),
        }
    }

    /// Whether `other` is seen in it: by its path, in its part of the file system, or in what is mounted
    /// below it.
    fn shows(&self, other: &Self, mounts: &[Mount]) -> bool {
        if other.path.starts_with(&self.path) {
            return true;
        }
        let Some(home) = &other.home else {
            return false;
        };
        let below = mounts.iter().filter(|it| it.point.starts_with(&self.path));
        let mut shown = below.map(|mount| &mount.home).chain(&self.home);
        shown.any(|part| part.holds(home))
    }
}

/// The lines of mountinfo that have the expected fields.
fn parse(all: &[u8]) -> Vec<Mount> {
    all.split(|&byte| byte == b'\n').filter_map(line).collect()
}

fn line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let (_parent, device) = (fields.next()?, fields.next()?.to_owned());
    let (root, point) = (unescaped(fields.next()?), unescaped(fields.next()?));
    let home = Home { device, path: root };
    Some(Mount { id, home, point })
}

/// Space, tab, newline and backslash are a backslash and three octal digits there.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| first == b'\\');
        let code = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_mounts_are_read_as_they_are() {
        let all = b"36 35 98:0 /a\\040b /mnt\\012x\\134 rw - ext4 /dev/x rw\nnonsense\n";
        let mounts = parse(all);
        assert_eq!(mounts.len(), 1);
        assert_eq!(
            (mounts[0].id, mounts[0].home.path.as_path()),
            (36, Path::new("/a b"))
        );
        assert_eq!(mounts[0].point, Path::new("/mnt\nx\\"));
    }

    #[test]
    fn a_part_holds_what_lies_in_it_and_not_what_begins_like_it() {
        let home = |device: &[u8], path: &str| Home {
            device: device.to_owned(),
            path: path.into(),
        };
        assert!(home(b"8:1", "/a").holds(&home(b"8:1", "/a/b")));
        assert!(!home(b"8:1", "/a").holds(&home(b"8:1", "/ab")));
        assert!(!home(b"8:1", "/a").holds(&home(b"8:2", "/a/b")));
    }
}
