//! The work on one image: directories by handle, temporary names, and the renames at the end.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;

use common::{Error, Interrupts, Result};
use rustix::fs::Stat;
use rustix::io::Errno;

use super::files;
use super::folder::{Folder, descend};
use super::undo::{Step, Undo};
use crate::Job;
use crate::image::aside::{self, Stands};
use crate::image::dir::Dir;
use crate::installed::Sum;
use crate::wrapper::Wrapper;

pub(super) struct Work<'a> {
    pub(super) image: Arc<Dir>,
    pub(super) job: &'a Job<'a>,
    interrupts: &'a Interrupts,
    pub(super) undo: Undo,
    dirs: HashMap<OsString, Arc<Dir>>,
    pub(super) renames: Vec<Rename>,
    wrappers: HashMap<OsString, (Arc<Wrapper>, Sum)>,
    count: usize,
}

/// A temporary name and the one that it gets at the end.
pub(super) struct Rename {
    folder: Folder,
    from: OsString,
    to: OsString,
    /// Whether it takes the place of something.
    replaces: bool,
}

impl<'a> Work<'a> {
    pub(super) fn new(image: &Dir, job: &'a Job<'a>, interrupts: &'a Interrupts) -> Result<Self> {
        Ok(Self {
            image: Arc::new(image.try_clone()?),
            job,
            interrupts,
            undo: Undo::default(),
            dirs: HashMap::new(),
            renames: Vec::new(),
            wrappers: HashMap::new(),
            count: 0,
        })
    }

    /// A temporary name that is taken away if the work fails, and becomes `to` if it does not.
    pub(super) fn reserve(
        &mut self,
        folder: impl Into<Folder>,
        to: &OsStr,
        replaces: bool,
    ) -> OsString {
        let folder = folder.into();
        let number = self.number();
        let from = if replaces {
            aside::temporary_for(number, Stands::New, to)
        } else {
            aside::temporary(number)
        };
        self.undo.push(Step::Remove(folder.clone(), from.clone()));
        self.renames.push(Rename {
            folder,
            from: from.clone(),
            to: to.to_owned(),
            replaces,
        });
        from
    }

    /// The wrapper for a bin directory, made once.
    pub(super) fn wrapper(&mut self, bindir: &Path) -> (Arc<Wrapper>, Sum) {
        let (kind, layout) = (self.job.kind, self.job.layout);
        let make = || {
            let wrapper = Wrapper::new(kind, layout, bindir);
            let sum = match &wrapper {
                Wrapper::Text(text) => Sum::of(text),
                Wrapper::Link(_) => Sum::default(),
            };
            (Arc::new(wrapper), sum)
        };
        self.wrappers
            .entry(bindir.as_os_str().to_owned())
            .or_insert_with(make)
            .clone()
    }

    /// Gives everything its name. Scripts come before their wrappers, in the order of preparation.
    pub(super) fn commit(&mut self) -> Result<()> {
        for rename in std::mem::take(&mut self.renames) {
            self.alive()?;
            let Rename {
                folder,
                from,
                to,
                replaces,
            } = rename;
            let dir = folder.dir()?;
            if !replaces {
                dir.rename_new(&from, &to)?;
                self.undo.push(Step::Remove(folder, to));
                continue;
            }
            match dir.exchange(&from, &to) {
                Ok(()) => self.undo.push(Step::Restore(folder, from, to)),
                Err(Errno::INVAL | Errno::NOSYS) => self.rename_over(folder, &from, &to)?,
                Err(cause) => return Err(Error::io("exchange", dir.at(&to), cause)),
            }
        }
        Ok(())
    }

    /// The same where names cannot be exchanged: a second name keeps what is replaced.
    fn rename_over(&mut self, folder: Folder, from: &OsStr, to: &OsStr) -> Result<()> {
        let dir = folder.dir()?;
        let old = aside::temporary_for(self.number(), Stands::Old, to);
        match dir.link(to, &dir, &old) {
            Ok(()) => {}
            // A file system without hard links: for a moment the name is gone. After KILL the next run puts it
            // back.
            Err(_) => dir.rename(to, &old)?,
        }
        self.undo.push(Step::Restore(folder, old, to.to_owned()));
        dir.rename(from, to)
    }

    /// A directory that is made where it is missing, with the owner and the times of `like`.
    pub(super) fn made(&mut self, path: &Path, like: &Stat) -> Result<Arc<Dir>> {
        if let Some(dir) = self.dirs.get(path.as_os_str()) {
            return Ok(dir.clone());
        }
        let mut here = Arc::new(self.image.try_clone()?);
        for part in path.components().skip(1) {
            here = self.made_child(&here, part.as_os_str(), like)?;
        }
        self.undo.keep_times(&(&here).into(), &here.stat_self()?);
        self.dirs.insert(path.as_os_str().to_owned(), here.clone());
        Ok(here)
    }

    fn made_child(&mut self, here: &Arc<Dir>, name: &OsStr, like: &Stat) -> Result<Arc<Dir>> {
        match here.child(name) {
            Ok(child) => return Ok(Arc::new(child)),
            Err(Errno::NOENT) => {}
            Err(cause) => return Err(Error::io("open", here.at(name), cause)),
        }
        self.undo.keep_times(&here.into(), &here.stat_self()?);
        here.make_dir(name)
            .map_err(|cause| Error::io("make directory", here.at(name), cause))?;
        self.undo
            .push(Step::RemoveDir(here.into(), name.to_owned()));
        let child = here.child(name);
        let child = child.map_err(|cause| Error::io("open", here.at(name), cause))?;
        files::like_parent(&child, like, child.path())?;
        let child = Arc::new(child);
        self.undo
            .set_times((&child).into(), files::times(self.job.epoch, like));
        Ok(child)
    }

    /// A directory that is there; its times will be what they were.
    pub(super) fn open(&mut self, path: &Path) -> Result<Arc<Dir>> {
        if let Some(dir) = self.dirs.get(path.as_os_str()) {
            return Ok(dir.clone());
        }
        let dir = Arc::new(descend(&self.image, path)?);
        self.undo.keep_times(&(&dir).into(), &dir.stat_self()?);
        self.dirs.insert(path.as_os_str().to_owned(), dir.clone());
        Ok(dir)
    }

    /// The same for one of the many directories that do not stay open.
    pub(super) fn open_for_now(&mut self, path: &Path) -> Result<(Folder, Arc<Dir>)> {
        let folder = Folder::Shut(self.image.clone(), path.to_owned());
        let dir = folder.dir()?;
        self.undo.keep_times(&folder, &dir.stat_self()?);
        Ok((folder, dir))
    }

    fn number(&mut self) -> usize {
        self.count += 1;
        self.count
    }

    pub(super) fn alive(&self) -> Result<()> {
        match self.interrupts.pending() {
            Some(signal) => Err(Error::said("wrap", format!("signal {signal} came"))),
            None => Ok(()),
        }
    }
}
