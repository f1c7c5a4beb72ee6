//! The steps that were made on an image, and how they are taken back.

use std::collections::{BTreeMap, HashMap};
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::fs::{At, FileId, as_os, put_back};
use common::{Error, Result, show};
use rustix::fs::Timestamps;
use rustix::io::{self, Errno};

use crate::image::folder::Folder;

/// The directories of an image, by their installed paths.
///
/// Scripts are in two or three, which stay open. Every distribution has its own directory with a list, and an image
/// may hold more of those than a process may have open (`RLIMIT_NOFILE`): they are opened for each step.
#[derive(Debug)]
pub(super) struct Folders {
    image: Folder,
    held: HashMap<PathBuf, Arc<Folder>>,
}

impl Folders {
    /// The directory at `way`, if it is open already.
    pub(super) fn held(&self, way: &Path) -> Option<Arc<Folder>> {
        self.held.get(way).cloned()
    }

    /// The directory at `way`.
    pub(super) fn open(&self, way: &Path) -> Result<Arc<Folder>> {
        match self.held(way) {
            Some(folder) => Ok(folder),
            None => self.image.existing(way).map(Arc::new),
        }
    }

    /// The same, and it stays open.
    pub(super) fn hold(&mut self, way: &Path) -> Result<Arc<Folder>> {
        let folder = self.open(way)?;
        self.held.insert(way.to_owned(), folder.clone());
        Ok(folder)
    }
}

/// A step that can be taken back.
#[derive(Debug)]
pub(super) enum Step {
    /// A name was made, or is about to be. It may have another name since.
    Remove(CString),
    /// A directory was made.
    RemoveDir(CString),
    /// The file `new` was exchanged with the one at `place`, which is at `kept` now.
    PutBack {
        kept: CString,
        place: CString,
        new: FileId,
    },
}

/// What was done so far.
#[derive(Debug)]
pub(super) struct Undo {
    pub(super) folders: Folders,
    /// The steps in their order, each with the installed path of its directory.
    steps: Vec<(PathBuf, Step)>,
    /// The times that directories get at the end.
    times: BTreeMap<PathBuf, Timestamps>,
}

impl Undo {
    pub(super) fn new(image: Folder) -> Self {
        let held = HashMap::new();
        Self {
            folders: Folders { image, held },
            steps: Vec::new(),
            times: BTreeMap::new(),
        }
    }

    pub(super) fn push(&mut self, way: &Path, step: Step) {
        self.steps.push((way.to_owned(), step));
    }

    /// The directory at `way` gets these times at the end, if it gets no others already.
    pub(super) fn keep_times(&mut self, way: &Path, times: Timestamps) {
        self.times.entry(way.to_owned()).or_insert(times);
    }

    /// After success: removes the files that were replaced.
    pub(super) fn settle(self) -> Result<(), Vec<Error>> {
        let mut errors = Vec::new();
        for (way, step) in &self.steps {
            if let Step::PutBack { kept, .. } = step {
                let folder = self.folders.open(way);
                errors.extend(folder.and_then(|folder| folder.remove(as_os(kept))).err());
            }
        }
        errors.extend(self.restore_times());
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    /// Takes every step back, the last one first, and returns what failed.
    ///
    /// It ends at a name that cannot have its file back: a script that was moved and has its wrapper stays so, and
    /// the steps before would remove the script.
    pub(super) fn roll_back(mut self) -> Vec<Error> {
        let mut errors = Vec::new();
        while let Some((way, step)) = self.steps.pop() {
            let error = match self.folders.open(&way) {
                Ok(folder) => step.take_back(&folder).err(),
                Err(error) => Some(error),
            };
            match (step, error) {
                (Step::RemoveDir(name), None) => {
                    self.times.remove(&way.join(as_os(&name)));
                }
                (Step::PutBack { kept, place, .. }, Some(error)) => {
                    let path = |name| self.folders.image.below(&way.join(as_os(name)));
                    let kept = path(&kept);
                    let kept = show::path(&kept);
                    let why = format!("what it was is kept as {kept}; run again to finish");
                    errors.extend([error, Error::refused("put back", path(&place), why)]);
                    return errors;
                }
                (_, error) => errors.extend(error),
            }
        }
        errors.extend(self.restore_times());
        errors
    }

    /// Gives the directories that changed their times.
    ///
    /// A user who may write to a directory without owning it cannot set its times, which is no failure.
    fn restore_times(&self) -> Vec<Error> {
        let restore = |(way, times): (&PathBuf, &Timestamps)| {
            let folder = self.folders.open(way)?;
            if folder.stat_self()?.modified == times.last_modification {
                return Ok(());
            }
            match folder.set_times(times) {
                Ok(()) | Err(Errno::PERM | Errno::ACCESS) => Ok(()),
                Err(cause) => Err(Error::io("set times of", folder.path(), cause)),
            }
        };
        let restored = self.times.iter().map(restore);
        restored.filter_map(Result::err).collect()
    }
}

impl Step {
    fn take_back(&self, folder: &Folder) -> Result<()> {
        let (verb, name, done) = match self {
            Self::Remove(name) => ("remove", name, folder.unlink(name.as_c_str())),
            Self::RemoveDir(name) => ("remove", name, folder.remove_dir(name.as_c_str())),
            Self::PutBack { kept, place, new } => {
                let (kept, at) = (At::new(folder, kept), At::new(folder, place));
                ("rename", place, put_back_file(kept, at, *new))
            }
        };
        match (self, done) {
            // It may not have been made, or have its last name already.
            (Self::Remove(_), Err(Errno::NOENT)) => Ok(()),
            (_, done) => done.map_err(folder.fail(verb, as_os(name))),
        }
    }
}

/// Gives `place` its file back. EEXIST if another process has put a file there: then the old one stays at `kept`.
fn put_back_file(kept: At<'_>, place: At<'_>, new: FileId) -> io::Result<()> {
    put_back(kept, place, new)?;
    match kept.stat() {
        Ok(left) if !new.is(&left, kept.dir)? => Err(Errno::EXIST),
        Ok(_) | Err(Errno::NOENT) => Ok(()),
        Err(cause) => Err(cause),
    }
}
