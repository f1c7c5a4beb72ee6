//! The steps that were made, and the way back.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use common::fs::{At, Attributes, FileId, c_name, put_back};
use common::{Error, Result, show};
use rustix::fs::Timestamps;
use rustix::io::Errno;

use super::folders::Folders;
use crate::image::Folder;

/// A step that can be undone: a name in the directory of that path.
#[derive(Debug)]
pub(super) enum Step {
    /// A name was made. It may not be there yet, or be renamed since.
    Remove(PathBuf, OsString),
    /// A directory was made.
    RemoveDir(PathBuf, OsString),
    /// A file was exchanged with what had its name.
    Restore(PathBuf, Exchanged),
}

/// A name after an exchange.
#[derive(Debug)]
pub(super) struct Exchanged {
    /// The name.
    pub(super) name: OsString,
    /// The temporary name that what it was has now.
    pub(super) kept: OsString,
    /// What it is now.
    pub(super) new: FileId,
}

/// What was done so far.
#[derive(Debug, Default)]
pub(super) struct Undo {
    steps: Vec<Step>,
    /// The times that directories get at the end.
    times: BTreeMap<PathBuf, Timestamps>,
}

impl Undo {
    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Remembers the times that a directory has before the first change.
    pub(super) fn keep_times(&mut self, way: &Path, now: &Attributes) {
        if !self.times.contains_key(way) {
            self.times.insert(way.to_owned(), now.times());
        }
    }

    /// Gives a new directory these times at the end.
    pub(super) fn set_times(&mut self, way: &Path, times: Timestamps) {
        self.times.insert(way.to_owned(), times);
    }

    /// All went well: removes what was replaced.
    pub(super) fn settle(self, folders: &mut Folders<'_>) -> Vec<Error> {
        let mut errors = Vec::new();
        for step in self.steps {
            if let Step::Restore(way, exchanged) = step {
                let removed = folders.get(&way).and_then(|f| f.remove(&exchanged.kept));
                errors.extend(removed.err());
            }
        }
        errors.extend(set_times(&self.times, folders, |_, _| true));
        errors
    }

    /// Undoes every step, the last one first, and returns what could not be undone.
    ///
    /// It ends where a name cannot get its file back: a script that was moved and has its wrapper stays so, and the
    /// steps before would remove the script.
    pub(super) fn roll_back(mut self, folders: &mut Folders<'_>) -> Vec<Error> {
        let mut errors = Vec::new();
        for step in self.steps.into_iter().rev() {
            let undone = match step {
                Step::Remove(way, name) => folders.get(&way).and_then(|f| remove(&f, &name)),
                Step::RemoveDir(way, name) => {
                    self.times.remove(&way.join(&name));
                    folders.get(&way).and_then(|folder| {
                        let removed = folder.dir().remove_dir(&name);
                        removed.map_err(folder.failed_at("remove", &name))
                    })
                }
                Step::Restore(way, exchanged) => {
                    let Err(error) = folders.get(&way).and_then(|f| restore(&f, &exchanged)) else {
                        continue;
                    };
                    let kept = folders.path(&way.join(&exchanged.kept));
                    let kept = show::path(&kept);
                    let why = format!("its old content is kept as {kept}; run again to finish");
                    let place = folders.path(&way.join(&exchanged.name));
                    errors.extend([error, Error::refused("put back", place, why)]);
                    return errors;
                }
            };
            errors.extend(undone.err());
        }
        // A directory of somebody else may have refused every step, and would refuse its times too.
        let has_changed = |folder: &Folder, times: &Timestamps| {
            let now = folder.attributes();
            now.map_or(true, |now| now.modified != times.last_modification)
        };
        errors.extend(set_times(&self.times, folders, has_changed));
        errors
    }
}

/// Gives a name what it was, and removes what took its place.
fn restore(folder: &Folder, exchanged: &Exchanged) -> Result<()> {
    let restore = || {
        let (name, kept) = (c_name(&exchanged.name)?, c_name(&exchanged.kept)?);
        let kept = At::new(folder.dir(), &kept);
        put_back(kept, At::new(folder.dir(), &name), exchanged.new)?;
        match kept.stat() {
            Ok(there) if exchanged.new.is(&there, folder.dir())? => folder.dir().unlink(kept.name),
            // Another process put a file there. What it was is still here, and the next step back would remove it.
            Ok(_) => Err(Errno::EXIST),
            Err(Errno::NOENT) => Ok(()),
            Err(cause) => Err(cause),
        }
    };
    restore().map_err(folder.failed_at("rename", &exchanged.kept))
}

/// Removes a name that may be gone already.
fn remove(folder: &Folder, name: &OsStr) -> Result<()> {
    match folder.dir().unlink(name) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(cause) => Err(folder.failed_at("remove", name)(cause)),
    }
}

/// Sets the times of the directories that are `wanted`.
///
/// A user who may write to a directory of somebody else may not set its times; the kernel has set them.
fn set_times(
    times: &BTreeMap<PathBuf, Timestamps>,
    folders: &mut Folders<'_>,
    wanted: impl Fn(&Folder, &Timestamps) -> bool,
) -> Vec<Error> {
    let mut set = |(way, times): (&PathBuf, &Timestamps)| {
        let folder = folders.get(way)?;
        if !wanted(&folder, times) {
            return Ok(());
        }
        let set = folder.dir().set_times(times);
        set.map_err(folder.failed("set times of"))
    };
    let errors = times.iter().filter_map(|entry| set(entry).err());
    errors
        .filter(|e| e.kind() != ErrorKind::PermissionDenied)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_name_that_another_process_took_does_not_get_its_file_back() {
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str| fs::write(home.path().join(name), name).unwrap();
        let folder = Folder::image(home.path()).unwrap();
        for name in ["kept", "name"] {
            write(name);
        }
        let new = FileId::of(&folder.stat(OsStr::new("name")).unwrap());
        let exchanged = Exchanged {
            name: "name".into(),
            kept: "kept".into(),
            new,
        };
        write("other");
        fs::rename(home.path().join("other"), home.path().join("name")).unwrap();
        assert!(restore(&folder, &exchanged).is_err());
        assert_eq!(fs::read(home.path().join("kept")).unwrap(), b"kept");
        assert_eq!(fs::read(home.path().join("name")).unwrap(), b"other");
    }
}
