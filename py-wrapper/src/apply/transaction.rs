//! The change of one image: temporary names, and the renames that make it visible.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::fs::{At, Attributes, FileId, XattrTarget, c_name, exchange};
use common::{Error, Interrupts, Result};
use rustix::fs::Mode;
use rustix::io::Errno;

use super::folders::Folders;
use super::metadata;
use super::undo::{Exchanged, Step, Undo};
use crate::image::{Folder, rename_new, temporary, temporary_for};
use crate::settings::Settings;

pub(super) struct Transaction<'a> {
    pub(super) settings: &'a Settings,
    interrupts: &'a Interrupts,
    pub(super) folders: Folders<'a>,
    undo: Undo,
    renames: Vec<Rename>,
    count: usize,
}

/// A file that was made, and the name that it gets at the end.
struct Rename {
    way: PathBuf,
    from: OsString,
    to: OsString,
    name: Name,
}

/// Whether a file gets a name that is free, or takes the place of another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Free,
    Taken,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(
        image: &'a Folder,
        settings: &'a Settings,
        interrupts: &'a Interrupts,
    ) -> Self {
        Self {
            settings,
            interrupts,
            folders: Folders::new(image),
            undo: Undo::default(),
            renames: Vec::new(),
            count: 0,
        }
    }

    /// A temporary name in the directory `way`: it becomes `to` at the end, and is removed if the transaction fails.
    pub(super) fn reserve(&mut self, way: &Path, to: &OsStr, name: Name) -> OsString {
        self.count += 1;
        let from = match name {
            Name::Free => temporary(self.count),
            Name::Taken => temporary_for(self.count, to),
        };
        self.undo.push(Step::Remove(way.to_owned(), from.clone()));
        self.renames.push(Rename {
            way: way.to_owned(),
            from: from.clone(),
            to: to.to_owned(),
            name,
        });
        from
    }

    /// Gives every file its name, those last that were reserved after the first `last`.
    ///
    /// The others keep their order: a script comes before its wrapper.
    pub(super) fn commit(&mut self, last: usize) -> Result<()> {
        let mut renames = std::mem::take(&mut self.renames);
        renames.rotate_left(last);
        for rename in renames {
            self.alive()?;
            let folder = self.folders.get(&rename.way)?;
            if rename.name == Name::Free {
                rename_new(&folder, &rename.from, &rename.to)?;
                self.undo.push(Step::Remove(rename.way, rename.to));
                continue;
            }
            self.count += 1;
            let spare = temporary(self.count);
            self.undo
                .push(Step::Remove(rename.way.clone(), spare.clone()));
            self.exchange(&folder, rename, &spare)?;
        }
        Ok(())
    }

    /// Exchanges a file with what has its name.
    fn exchange(&mut self, folder: &Folder, rename: Rename, spare: &OsStr) -> Result<()> {
        let failed = folder.failed_at("exchange", &rename.to);
        let names = [&rename.from, &rename.to, spare].map(c_name);
        let [Ok(from), Ok(to), Ok(spare)] = &names else {
            return Err(failed(Errno::INVAL));
        };
        let from = At::new(folder.dir(), from);
        let new = FileId::of(&from.stat().map_err(&failed)?);
        let done = exchange(from, At::new(folder.dir(), to), spare).map_err(&failed);
        // A failure may also leave the old file there, and that must not be removed.
        if done.is_ok() || !from.find(new).is_ok_and(|it| it.is_some()) {
            let (name, kept) = (rename.to.clone(), rename.from.clone());
            let exchanged = Exchanged { name, kept, new };
            self.undo.push(Step::Restore(rename.way, exchanged));
        }
        done
    }

    /// How many names are reserved.
    pub(super) fn reserved(&self) -> usize {
        self.renames.len()
    }

    /// A directory that exists. It keeps its times.
    pub(super) fn existing(&mut self, way: &Path) -> Result<Arc<Folder>> {
        let folder = self.folders.get(way)?;
        self.undo.keep_times(way, &folder.attributes()?);
        Ok(folder)
    }

    /// A directory that is made if it is missing, with the owner and the times of `like` and the mode 755.
    pub(super) fn made(&mut self, way: &Path, like: &Attributes) -> Result<Arc<Folder>> {
        let missing = |error: &Error| error.kind() == std::io::ErrorKind::NotFound;
        match self.existing(way) {
            Err(error) if missing(&error) => {}
            existing => return existing,
        }
        let parent = way.parent().unwrap_or(Path::new("/"));
        let name = way.file_name().unwrap_or_default();
        let parent_folder = self.made(parent, like)?;
        let made = parent_folder
            .dir()
            .make_dir(name, Mode::from_raw_mode(0o755));
        made.map_err(parent_folder.failed_at("make directory", name))?;
        self.undo
            .push(Step::RemoveDir(parent.to_owned(), name.to_owned()));
        let folder = self.folders.get(way)?;
        let owned = metadata::copy_owner(like, XattrTarget::Open(folder.dir().as_fd()));
        owned.map_err(folder.failed("set owner of"))?;
        let set = folder.dir().set_mode(0o755);
        set.map_err(folder.failed("set mode of"))?;
        let times = metadata::times(self.settings.epoch, like);
        self.undo.set_times(way, times);
        Ok(folder)
    }

    /// An error after a signal.
    pub(super) fn alive(&self) -> Result<()> {
        match self.interrupts.pending() {
            Some(signal) => Err(Error::said("wrap", format!("signal {signal} came"))),
            None => Ok(()),
        }
    }

    /// Ends it after all went well.
    pub(super) fn settle(mut self) -> Result<(), Vec<Error>> {
        let errors = self.undo.settle(&mut self.folders);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    /// Undoes everything because of `error`. Returns all errors.
    pub(super) fn roll_back(mut self, error: Error) -> Vec<Error> {
        let mut errors = vec![error];
        errors.extend(self.undo.roll_back(&mut self.folders));
        errors
    }
}
