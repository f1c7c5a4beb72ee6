//! A directory that several sides have: DEST and images. It is opened and listed here.

use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::Error;
use common::fs::{Attributes, Dir, Listing, as_os};
use rustix::fs::Dev;
use rustix::io::Errno;

use super::steps::DirStep;
use crate::failure::Failure;
use crate::inputs::Inputs;
use crate::staging::names;

/// A directory that is to be read on several sides.
#[derive(Debug)]
pub(crate) struct JoinedDir {
    /// Below the images.
    pub(crate) path: PathBuf,
    /// Below DEST.
    pub(crate) place: PathBuf,
    pub(crate) in_destination: bool,
    pub(crate) images: Vec<usize>,
    /// Device and mount of the directory around it. At another one a new volume begins.
    pub(crate) around: Option<(Dev, u64)>,
    /// The topmost directory of DEST on the same file system.
    pub(crate) volume: Arc<PathBuf>,
    /// Only this name, if not all.
    pub(crate) only: Option<CString>,
}

/// A directory of one side, open.
#[derive(Debug)]
pub(crate) struct Side {
    /// `None` is DEST.
    pub(crate) image: Option<usize>,
    pub(crate) dir: Dir,
    pub(crate) attributes: Attributes,
    /// Whether readdir and stat agree on inode numbers.
    pub(crate) inodes_are_true: bool,
}

impl JoinedDir {
    /// The tops of the images and of DEST.
    pub(crate) fn top(images: usize, in_destination: bool) -> Self {
        Self {
            path: PathBuf::new(),
            place: PathBuf::new(),
            in_destination,
            images: (0..images).collect(),
            around: None,
            volume: Arc::default(),
            only: None,
        }
    }

    /// One name of a directory of `step`, to be planned again with what DEST has by then.
    pub(crate) fn again(path: &Path, place: &Path, step: &DirStep, name: CString) -> Self {
        Self {
            path: path.to_owned(),
            place: place.to_owned(),
            in_destination: true,
            images: step.images.iter().map(|(image, _)| *image).collect(),
            around: None,
            volume: step.volume.clone(),
            only: Some(name),
        }
    }

    /// Opens it on all sides, DEST first.
    pub(crate) fn open(&mut self, inputs: Inputs<'_>) -> Result<Vec<Side>, Error> {
        let mut sides = Vec::with_capacity(1 + self.images.len());
        if self.in_destination {
            let dir = inputs.destination.root.beneath(&self.place);
            let side = Side::new(None, dir);
            sides.push(side.map_err(|c| Error::io("read", inputs.at(None, &self.place), c))?);
        }
        for &image in &self.images {
            let dir = inputs.images[image].root.beneath(&self.path);
            let side = Side::new(Some(image), dir);
            sides.push(side.map_err(|c| Error::io("read", inputs.at(Some(image), &self.path), c))?);
        }
        self.refuse_nesting(inputs, &sides)?;
        if let Some(held) = sides.first().filter(|side| side.image.is_none()) {
            let here = (held.attributes.identity.device, held.attributes.mount);
            if self.around.is_some_and(|around| around != here) {
                self.volume = Arc::new(self.place.clone());
            }
            self.around = Some(here);
        }
        Ok(sides)
    }

    /// A bind mount may show one directory on two sides, or DEST inside an image.
    fn refuse_nesting(&self, inputs: Inputs<'_>, sides: &[Side]) -> Result<(), Error> {
        for (at, side) in sides.iter().enumerate() {
            let here = side.attributes.identity;
            let is_here = |it: &Attributes| it.identity == here;
            if sides[..at].iter().any(|it| is_here(&it.attributes)) {
                let path = inputs.at(side.image, &self.path);
                let why = "it is the same directory on two sides";
                return Err(Error::refused("merge", path, why));
            }
            let is_nested = match side.image {
                Some(_) => is_here(&inputs.destination.attributes),
                None => inputs.images.iter().any(|it| is_here(&it.attributes)),
            };
            if is_nested {
                let path = inputs.at(None, &self.place);
                let why = "is both image and destination";
                return Err(Error::refused("merge", path, why));
            }
        }
        Ok(())
    }

    /// The names of each side, sorted, without our own temporary names. An image may not have such a name where we
    /// would remove it as a left-over.
    pub(crate) fn list(&self, inputs: Inputs<'_>, sides: &[Side]) -> Result<Vec<Listing>, Failure> {
        let is_top =
            self.place.as_os_str().is_empty() || *self.volume == self.place && self.in_destination;
        let mut lists = Vec::with_capacity(sides.len());
        let mut refused = Vec::new();
        for side in sides {
            let mut list = Listing::default();
            let listed = match &self.only {
                Some(name) => side.list_only(name, &mut list),
                None => side.dir.for_each::<Errno>(|name, inode, kind| {
                    if !is_top || !names::is_ours(name) {
                        list.push(name, inode, kind);
                    } else if side.image.is_some() {
                        refused.push(self.refused(inputs, side, name));
                    }
                    Ok(())
                }),
            };
            listed.map_err(|cause| Error::io("read", inputs.at(side.image, &self.path), cause))?;
            list.sort();
            lists.push(list);
        }
        if refused.is_empty() {
            return Ok(lists);
        }
        Err(Failure::Refused(refused))
    }

    fn refused(&self, inputs: Inputs<'_>, side: &Side, name: &CStr) -> Error {
        let path = inputs.at(side.image, &self.path.join(as_os(name)));
        Error::refused("merge", path, "img-merge reserves such names")
    }
}

impl Side {
    fn new(image: Option<usize>, dir: Result<Dir, Errno>) -> Result<Self, Errno> {
        let dir = dir?;
        Ok(Self {
            image,
            attributes: dir.stat()?,
            inodes_are_true: dir.has_true_inodes()?,
            dir,
        })
    }

    /// `name`, if the side has it. The directory may be large, so it is not listed.
    fn list_only(&self, name: &CStr, list: &mut Listing) -> Result<(), Errno> {
        match self.dir.stat_name(name) {
            Ok(it) => list.push(name, it.identity.inode, Some(it.kind)),
            Err(Errno::NOENT) => {}
            Err(cause) => return Err(cause),
        }
        Ok(())
    }
}
