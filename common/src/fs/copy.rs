//! Copies one file of any kind but a directory, with everything that it has.

use std::os::fd::AsFd;

use rustix::fs::Mode;
use rustix::io::{Errno, Result};

use super::contents::{self, GoOn};
use super::metadata::{apply_metadata, set_times};
use super::xattrs::{Lost, XattrTarget};
use super::{At, Attributes, Caller, Kind, Xattrs};

/// How the content of a regular file gets into its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Share the blocks, or fail.
    Reflink,
    /// Share the blocks; copy the bytes if that cannot be done here.
    ReflinkOrCopy,
    /// Copy the bytes. Holes stay holes.
    Copy,
}

/// A copy that is complete.
#[derive(Debug)]
pub struct Copied {
    /// How it was made.
    pub way: Way,
    /// What of its metadata could not be set.
    pub lost: Vec<Lost>,
}

/// How a copy was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It shares the blocks.
    Reflinked,
    /// The bytes were copied; the cause is given if a reflink was tried first.
    Copied(Option<Errno>),
    /// A link, fifo, socket or device was made anew: it has no blocks.
    Made,
}

/// Copies `from` to `to`, a name that is free and that nobody else sees until the copy is complete.
///
/// ESTALE if `from` is another kind of file than `kind` by now; ECANCELED when `go_on` says no.
pub struct Copier<'a> {
    /// Whose rights decide what a copy gets.
    pub caller: &'a Caller,
    /// How content is copied.
    pub content: Content,
    /// Asked between the pieces of a large file.
    pub go_on: GoOn<'a>,
}

impl Copier<'_> {
    /// Makes the copy with owner, attributes, mode and times.
    pub fn copy(&self, from: At<'_>, to: At<'_>, source: &Attributes) -> Result<Copied> {
        match source.kind {
            Kind::File => return self.file(from, to),
            Kind::Symlink => to.dir.symlink(from.dir.read_link(from.name)?, to.name)?,
            kind => {
                let mode = Mode::RUSR | Mode::WUSR;
                let (kind, device) = (kind.file_type(), source.device_number);
                rustix::fs::mknodat(to.dir, to.name, kind, mode, device)?;
            }
        }
        let from = XattrTarget::Name(from.dir, from.name);
        let to = XattrTarget::Name(to.dir, to.name);
        self.finish(from, to, source, Way::Made)
    }

    fn file(&self, from: At<'_>, to: At<'_>) -> Result<Copied> {
        let from = from.dir.open_file(from.name)?;
        let source = XattrTarget::Open(from.as_fd()).stat()?;
        if source.kind != Kind::File {
            return Err(Errno::STALE);
        }
        let to = to.dir.create_file(to.name)?;
        let mut way = Way::Reflinked;
        if self.content == Content::Copy {
            way = Way::Copied(None);
        } else if let Err(cause) = contents::clone(&from, &to) {
            if self.content == Content::Reflink || !contents::cannot_clone(cause) {
                return Err(cause);
            }
            way = Way::Copied(Some(cause));
        }
        if way != Way::Reflinked {
            contents::copy(&from, &to, source.size, self.go_on)?;
        }
        let (from, to) = (from.as_fd(), to.as_fd());
        self.finish(XattrTarget::Open(from), XattrTarget::Open(to), &source, way)
    }

    fn finish(
        &self,
        from: XattrTarget<'_>,
        to: XattrTarget<'_>,
        source: &Attributes,
        way: Way,
    ) -> Result<Copied> {
        let lost = apply_metadata(to, source, &Xattrs::read(from)?, self.caller)?;
        set_times(to, &source.times())?;
        Ok(Copied { way, lost })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::super::Dir;
    use super::*;

    #[test]
    fn a_copy_has_content_mode_and_times_of_its_source() {
        let home = tempfile::tempdir().expect("a directory");
        let path = |name: &str| home.path().join(name);
        fs::write(path("file"), "content").expect("a file");
        fs::set_permissions(path("file"), fs::Permissions::from_mode(0o754)).expect("a mode");
        symlink("nowhere", path("link")).expect("a link");
        let dir = Dir::named(home.path()).expect("a directory");
        let caller = Caller::ask().expect("a caller");
        for content in [Content::ReflinkOrCopy, Content::Copy] {
            let copier = Copier {
                caller: &caller,
                content,
                go_on: &|| true,
            };
            for (from, to) in [(c"file", c"file copy"), (c"link", c"link copy")] {
                let (from, to) = (At::new(&dir, from), At::new(&dir, to));
                let source = from.stat().expect("a file");
                copier.copy(from, to, &source).expect("a copy");
                let copy = to.stat().expect("a copy");
                assert_eq!((copy.kind, copy.mode), (source.kind, source.mode));
                let time = |it: Attributes| (it.modified.tv_sec, it.modified.tv_nsec);
                assert_eq!(time(copy), time(source));
                assert_ne!(copy.identity, source.identity);
                let taken = copier.copy(from, to, &source).map(drop);
                assert_eq!(taken, Err(Errno::EXIST));
            }
            assert_eq!(fs::read(path("file copy")).expect("a file"), b"content");
            assert_eq!(fs::metadata(path("file copy")).expect("a file").nlink(), 1);
            for name in ["file copy", "link copy"] {
                fs::remove_file(path(name)).expect("removed");
            }
        }
    }

    #[test]
    fn a_copy_that_is_stopped_says_so() {
        let home = tempfile::tempdir().expect("a directory");
        fs::write(home.path().join("file"), "content").expect("a file");
        let dir = Dir::named(home.path()).expect("a directory");
        let caller = Caller::ask().expect("a caller");
        let copier = Copier {
            caller: &caller,
            content: Content::Copy,
            go_on: &|| false,
        };
        let from = At::new(&dir, c"file");
        let source = from.stat().expect("a file");
        let stopped = copier.copy(from, At::new(&dir, c"copy"), &source);
        assert_eq!(stopped.map(drop), Err(Errno::CANCELED));
    }
}
