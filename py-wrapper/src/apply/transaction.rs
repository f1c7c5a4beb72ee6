//! The changes to one image: files under temporary names, and the renames at the end.

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::fs::{At, Attributes, FileId, Published, as_os, c_name, exchange, publish};
use common::{Error, Interrupts, Result};
use rustix::fs::Mode;
use rustix::io::Errno;

use super::metadata;
use super::undo::{Step, Undo};
use crate::image::folder::Folder;
use crate::image::leftovers::Place;
use crate::image::temporary;
use crate::installed::Sum;
use crate::options::Options;
use crate::wrapper::Wrapper;

pub(super) struct Transaction<'a> {
    pub(super) options: &'a Options,
    pub(super) undo: Undo,
    interrupts: &'a Interrupts,
    pub(super) renames: Vec<Rename>,
    wrappers: HashMap<PathBuf, (Arc<Wrapper>, Sum)>,
    count: usize,
}

/// A temporary name and the one that its file gets at the end.
pub(super) struct Rename {
    /// The installed path of the directory.
    way: PathBuf,
    from: CString,
    to: CString,
    /// Whether it takes the place of another file.
    replaces: bool,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(place: Place<'a>, interrupts: &'a Interrupts) -> Result<Self> {
        Ok(Self {
            options: place.options,
            undo: Undo::new(place.image.try_clone()?),
            interrupts,
            renames: Vec::new(),
            wrappers: HashMap::new(),
            count: 0,
        })
    }

    /// A temporary name in `way`. It becomes `to` on success and is removed on failure.
    pub(super) fn reserve(&mut self, way: &Path, to: &OsStr, replaces: bool) -> Result<CString> {
        let number = self.number();
        let from = if replaces {
            temporary::replacing(number, to)
        } else {
            temporary::numbered(number)
        };
        let name = |name: &OsStr| c_name(name).map_err(|cause| Error::io("use name", name, cause));
        let rename = Rename {
            way: way.to_owned(),
            from: name(&from)?,
            to: name(to)?,
            replaces,
        };
        let from = rename.from.clone();
        self.undo.push(way, Step::Remove(from.clone()));
        self.renames.push(rename);
        Ok(from)
    }

    /// The wrapper for a bin directory. It is made once.
    pub(super) fn wrapper(&mut self, bindir: &Path) -> (Arc<Wrapper>, Sum) {
        let (kind, layout) = (self.options.kind, &self.options.layout);
        let make = || {
            let wrapper = Wrapper::new(kind, layout, bindir);
            let sum = match &wrapper {
                Wrapper::Text(text) => Sum::of(text),
                Wrapper::Link(_) => Sum::default(),
            };
            (Arc::new(wrapper), sum)
        };
        let known = self.wrappers.entry(bindir.to_owned());
        known.or_insert_with(make).clone()
    }

    /// Gives every file its name, in the order in which the names were reserved.
    pub(super) fn commit(&mut self) -> Result<()> {
        for rename in std::mem::take(&mut self.renames) {
            self.check_signals()?;
            let folder = self.undo.folders.open(&rename.way)?;
            let from = At::new(&folder, &rename.from);
            let to = At::new(&folder, &rename.to);
            let fail = folder.fail("rename", as_os(&rename.to));
            if rename.replaces {
                let new = FileId::of(&from.stat().map_err(&fail)?);
                let spare = self.spare(&rename.way)?;
                exchange(from, to, &spare).map_err(&fail)?;
                let step = Step::PutBack {
                    kept: rename.from.clone(),
                    place: rename.to.clone(),
                    new,
                };
                self.undo.push(&rename.way, step);
                continue;
            }
            match publish(from, to).map_err(&fail)? {
                Published::Done => self.undo.push(&rename.way, Step::Remove(rename.to.clone())),
                Published::Taken => return Err(fail(Errno::EXIST)),
            }
        }
        Ok(())
    }

    /// A free name for file systems that cannot exchange two names.
    fn spare(&mut self, way: &Path) -> Result<CString> {
        let name = temporary::numbered(self.number());
        let spare = c_name(&name).map_err(|cause| Error::io("use name", &name, cause))?;
        self.undo.push(way, Step::Remove(spare.clone()));
        Ok(spare)
    }

    /// Opens a directory. If it is missing, makes it and those above it, with the owner and the times of `like`.
    pub(super) fn make(&mut self, way: &Path, like: &Attributes) -> Result<Arc<Folder>> {
        if let Some(folder) = self.undo.folders.held(way) {
            return Ok(folder);
        }
        let mut here = PathBuf::from("/");
        for name in way.components().skip(1) {
            let parent = self.undo.folders.open(&here)?;
            let times = parent.stat_self()?.times();
            let child = here.join(name);
            match parent.make_dir(name.as_os_str(), Mode::from_raw_mode(0o755)) {
                Ok(()) => {
                    self.undo.keep_times(&here, times);
                    let name = c_name(name.as_os_str()).unwrap_or_default();
                    self.undo.push(&here, Step::RemoveDir(name));
                    metadata::finish_directory(&*self.undo.folders.open(&child)?, like)?;
                    let times = metadata::times(self.options.epoch, like);
                    self.undo.keep_times(&child, times);
                }
                Err(Errno::EXIST) => {}
                Err(cause) => return Err(parent.fail("make directory", name.as_os_str())(cause)),
            }
            here = child;
        }
        self.open(way)
    }

    /// Opens a directory that exists, and keeps it open. It keeps its times.
    pub(super) fn open(&mut self, way: &Path) -> Result<Arc<Folder>> {
        if let Some(folder) = self.undo.folders.held(way) {
            return Ok(folder);
        }
        let folder = self.undo.folders.hold(way)?;
        self.undo.keep_times(way, folder.stat_self()?.times());
        Ok(folder)
    }

    /// The same for one of the many directories that do not stay open.
    pub(super) fn open_for_now(&mut self, way: &Path) -> Result<Arc<Folder>> {
        let folder = self.undo.folders.open(way)?;
        self.undo.keep_times(way, folder.stat_self()?.times());
        Ok(folder)
    }

    fn number(&mut self) -> usize {
        self.count += 1;
        self.count
    }

    /// Fails after a signal.
    pub(super) fn check_signals(&self) -> Result<()> {
        match self.interrupts.pending() {
            Some(signal) => Err(Error::said("wrap", format!("signal {signal} came"))),
            None => Ok(()),
        }
    }
}
