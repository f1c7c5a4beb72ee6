//! Gives a finished file or directory its name and never replaces anything.
//!
//! Linux has `RENAME_NOREPLACE` for this. bindfs, unionfs-fuse, fuse2fs and mergerfs answer EINVAL to it; a second
//! way serves them.

use rustix::fs::Mode;
use rustix::io::{Errno, Result};

use super::{At, Attributes, Caller, FileId};

/// What became of a name that was to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a name that is taken was not published"]
pub enum Published {
    /// It has its new name, and the old one is gone.
    Done,
    /// Something has the new name already. Nothing was changed.
    Taken,
}

/// What a directory's second way does with its placeholder. The caller may write it down: after a kill the last
/// note names the empty directory to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// It is about to be made.
    Wanted,
    /// It was made and is this directory.
    Made(FileId),
    /// It was not made, or is removed.
    Gone,
}

/// The mode of a placeholder. No other directory is sticky and writable for nobody, so this mode identifies one
/// that a killed run left.
pub const PLACEHOLDER: Mode = Mode::SVTX.union(Mode::RUSR).union(Mode::XUSR);

/// Whether `it` may be a placeholder that `caller` made.
#[must_use]
pub fn is_placeholder(it: &Attributes, caller: &Caller) -> bool {
    // A directory inherits the set-gid bit.
    let mode = Mode::from_raw_mode(it.mode).difference(Mode::SGID);
    it.kind.is_dir() && it.uid == caller.uid && mode == PLACEHOLDER
}

/// Renames anything but a directory from `from` to `to`, if nothing has that name.
///
/// Second way: link(2), which also refuses a name that is taken; without hard links, a look and a rename.
pub fn publish(from: At<'_>, to: At<'_>) -> Result<Published> {
    if let Some(published) = no_replace(from, to)? {
        return Ok(published);
    }
    by_link(from, to)
}

/// Renames a directory from `from` to `to`, if nothing has that name.
///
/// Second way: an empty directory takes the name, and `from` is renamed over it. `note` is called for that one.
pub fn publish_directory(
    from: At<'_>,
    to: At<'_>,
    note: impl Fn(Placeholder) -> Result<()>,
) -> Result<Published> {
    if let Some(published) = no_replace(from, to)? {
        return Ok(published);
    }
    by_placeholder(from, to, note)
}

/// `RENAME_NOREPLACE`; `None` if the file system does not know it.
fn no_replace(from: At<'_>, to: At<'_>) -> Result<Option<Published>> {
    match from.dir.rename(from.name, to.dir, to.name) {
        Ok(()) => Ok(Some(Published::Done)),
        Err(Errno::EXIST) => Ok(Some(Published::Taken)),
        Err(Errno::INVAL | Errno::NOSYS) => Ok(None),
        Err(cause) => Err(cause),
    }
}

fn by_link(from: At<'_>, to: At<'_>) -> Result<Published> {
    match from.link(to) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(Published::Taken),
        Err(cause) if has_no_links(cause) => return by_look(from, to),
        Err(cause) => return Err(cause),
    }
    match from.dir.unlink(from.name) {
        Ok(()) => Ok(Published::Done),
        Err(cause) => {
            // The caller takes an error for "nothing was published".
            to.dir.unlink(to.name)?;
            Err(cause)
        }
    }
}

/// Without the flag and without hard links only a look tells whether a name is taken.
fn by_look(from: At<'_>, to: At<'_>) -> Result<Published> {
    match to.stat() {
        Ok(_) => Ok(Published::Taken),
        Err(Errno::NOENT) => from.rename_over(to).map(|()| Published::Done),
        Err(cause) => Err(cause),
    }
}

/// What link(2) answers on a file system that has no hard links.
pub(super) fn has_no_links(cause: Errno) -> bool {
    matches!(cause, Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS)
}

fn by_placeholder(
    from: At<'_>,
    to: At<'_>,
    note: impl Fn(Placeholder) -> Result<()>,
) -> Result<Published> {
    note(Placeholder::Wanted)?;
    if let Err(cause) = to.dir.make_dir(to.name, PLACEHOLDER) {
        note(Placeholder::Gone)?;
        return taken_or(cause);
    }
    let made = to.stat().map(|it| FileId::of(&it));
    let noted = made.and_then(|made| note(Placeholder::Made(made)));
    let Err(cause) = noted.and_then(|()| from.rename_over(to)) else {
        return Ok(Published::Done);
    };
    if let (Ok(made), Ok(there)) = (made, to.stat()) {
        if made.identity != there.identity {
            return Ok(Published::Taken);
        }
    }
    match to.dir.remove_dir(to.name) {
        Ok(()) | Err(Errno::NOENT) => {}
        // Another process put something into it, so it is that process's directory now.
        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => return Ok(Published::Taken),
        Err(other) => return Err(other),
    }
    note(Placeholder::Gone)?;
    Err(cause)
}

fn taken_or(cause: Errno) -> Result<Published> {
    if cause == Errno::EXIST {
        return Ok(Published::Taken);
    }
    Err(cause)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fs;

    use super::super::Dir;
    use super::*;

    /// Both ways to publish a file, and the third.
    type Way = fn(At<'_>, At<'_>) -> Result<Published>;
    const WAYS: [Way; 3] = [publish, by_link, by_look];

    #[test]
    fn every_way_publishes_a_file_and_replaces_nothing() {
        for way in WAYS {
            let home = tempfile::tempdir().expect("a directory");
            let path = |name: &str| home.path().join(name);
            fs::write(path("new"), "new").expect("a file");
            let dir = Dir::named(home.path()).expect("a directory");
            let (new, place) = (At::new(&dir, c"new"), At::new(&dir, c"place"));
            assert_eq!(way(new, place), Ok(Published::Done));
            assert_eq!(fs::read(path("place")).expect("a file"), b"new");
            fs::write(path("new"), "newer").expect("a file");
            assert_eq!(way(new, place), Ok(Published::Taken));
            assert_eq!(fs::read(path("place")).expect("a file"), b"new");
            assert_eq!(fs::read(path("new")).expect("a file"), b"newer");
        }
    }

    #[test]
    fn both_ways_publish_a_directory_and_replace_nothing() {
        let notes = RefCell::new(Vec::new());
        let note = |is| {
            notes.borrow_mut().push(is);
            Ok(())
        };
        for by_flag in [true, false] {
            let home = tempfile::tempdir().expect("a directory");
            for name in ["new/file", "newer/file"] {
                fs::create_dir_all(home.path().join(name)).expect("a directory");
            }
            let dir = Dir::named(home.path()).expect("a directory");
            let place = At::new(&dir, c"place");
            let way = |name| {
                let from = At::new(&dir, name);
                if by_flag {
                    publish_directory(from, place, note)
                } else {
                    by_placeholder(from, place, note)
                }
            };
            assert_eq!(way(c"new"), Ok(Published::Done));
            assert_eq!(way(c"newer"), Ok(Published::Taken));
            assert!(home.path().join("place/file").exists());
            assert!(home.path().join("newer/file").exists());
        }
        let notes = notes.into_inner();
        assert!(matches!(
            notes[..],
            [
                Placeholder::Wanted,
                Placeholder::Made(_),
                Placeholder::Wanted,
                Placeholder::Gone
            ]
        ));
    }

    #[test]
    fn a_placeholder_is_removed_when_the_rename_fails() {
        let home = tempfile::tempdir().expect("a directory");
        let dir = Dir::named(home.path()).expect("a directory");
        let (missing, place) = (At::new(&dir, c"missing"), At::new(&dir, c"place"));
        let published = by_placeholder(missing, place, |_| Ok(()));
        assert_eq!(published, Err(Errno::NOENT));
        assert!(!home.path().join("place").exists());
    }
}
