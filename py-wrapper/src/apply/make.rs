//! Makes the files of scripts under their temporary names: the moved script of each edition, and the wrapper.
//!
//! Users see nothing of it yet, and each name was noted for the way back before. Files are made in several directories,
//! and file systems make new files one directory at a time, so two threads share the work. This helps where creating a
//! file is slow: ext4 without a journal looks at every inode that was freed in the last minutes.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};

use common::fs::metadata::{set_mode, set_times};
use common::fs::{Identity, XattrTarget, c_name};
use common::{Error, Result, lock};
use rayon::prelude::*;
use rustix::fs::Timestamps;

use super::metadata;
use super::source::Source;
use super::transaction::Transaction;
use crate::image::Folder;
use crate::plan::{Edition, Origin};
use crate::record::Sum;
use crate::wrapper::Wrapper;

/// As many as directories get files when an image is wrapped.
const THREADS: usize = 2;

/// A thread costs more than it gains for fewer scripts than this.
const WORTH_A_THREAD: usize = 16;

/// A script, and the names under which its files are made.
pub(super) struct Making<'a> {
    pub(super) origin: &'a Origin,
    pub(super) name: &'a OsStr,
    pub(super) bindir: Arc<Folder>,
    pub(super) editions: Vec<MakingEdition<'a>>,
    pub(super) wrapper: &'a Wrapper,
    pub(super) wrapper_name: OsString,
}

/// One edition of a script; `None` if the script is in its place already.
pub(super) struct MakingEdition<'a> {
    pub(super) edition: &'a Edition,
    pub(super) place: Option<(Arc<Folder>, OsString)>,
}

/// The temporary names of scripts that have several names, by the inode that they come from and the edition.
type Groups = Mutex<HashMap<(Identity, usize), OsString>>;

/// Makes the files of all scripts. Returns the hashes of the editions, or the error of the first script that failed.
pub(super) fn all(makings: &[Making<'_>], transaction: &Transaction<'_>) -> Result<Vec<Vec<Sum>>> {
    let groups = Groups::default();
    let make = |making: &Making<'_>| {
        transaction.alive()?;
        one(making, transaction.settings.epoch, &groups)
    };
    if makings.len() < THREADS * WORTH_A_THREAD {
        return makings.iter().map(make).collect();
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build();
    let pool = pool.map_err(|cause| Error::said("start threads", cause.to_string()))?;
    let sums: Vec<_> = pool.install(|| makings.par_iter().map(make).collect());
    sums.into_iter().collect()
}

fn one(making: &Making<'_>, epoch: Option<i64>, groups: &Groups) -> Result<Vec<Sum>> {
    let source = Source::open(making.origin, &making.bindir, making.name)?;
    let mut sums = Vec::new();
    for (at, MakingEdition { edition, place }) in making.editions.iter().enumerate() {
        let content = edition.head.replace(&source.content);
        sums.push(Sum::of(&content));
        let Some((scripts, temporary)) = place else {
            continue;
        };
        // A script that does not change needs no second file. If it may not have a second name
        // (fs.protected_hardlinks, too many names) it is copied.
        let is_same = source.is_part && content == source.content;
        if is_same && making.bindir.has_linked(making.name, scripts, temporary) {
            continue;
        }
        if source.it.links < 2 {
            script(&source, &content, scripts, temporary)?;
            continue;
        }
        // The names of one file become names of one file again. The lock is held until the first one is complete.
        let mut groups = lock(groups);
        let group = (source.it.identity, at);
        let first = groups.get(&group);
        if !first.is_some_and(|first| scripts.has_linked(first, scripts, temporary)) {
            script(&source, &content, scripts, temporary)?;
            groups.insert(group, temporary.clone());
        }
    }
    wrapper(making, &source, &metadata::times(epoch, &source.it))?;
    Ok(sums)
}

/// Makes a script with this content, and with all else that the source has if that is a part of the image.
fn script(source: &Source, content: &[u8], folder: &Folder, name: &OsStr) -> Result<()> {
    let file = folder.create(name, content)?;
    if !source.is_part {
        return installed(&file, &source.it.times(), folder, name);
    }
    let copied = metadata::copy(&source.file, &source.it, &file);
    copied.map_err(folder.failed_at("set attributes of", name))
}

/// Makes the wrapper of a script, with its owner and permissions if it is a part of the image.
fn wrapper(making: &Making<'_>, source: &Source, times: &Timestamps) -> Result<()> {
    let (folder, name) = (&making.bindir, making.wrapper_name.as_os_str());
    let target = match making.wrapper {
        Wrapper::Text(text) => {
            let file = folder.create(name, text)?;
            if !source.is_part {
                return installed(&file, times, folder, name);
            }
            let set = || {
                let to = XattrTarget::Open(file.as_fd());
                metadata::copy_owner(&source.it, to)?;
                set_mode(to, source.it.mode & 0o777)?;
                set_times(to, times)
            };
            return set().map_err(folder.failed_at("set attributes of", name));
        }
        Wrapper::Link(target) => target,
    };
    let make = || {
        folder.dir().symlink(target.as_path(), name)?;
        let link = c_name(name)?;
        let link = XattrTarget::Name(folder.dir(), &link);
        if source.is_part {
            metadata::copy_owner(&source.it, link)?;
        }
        set_times(link, times)
    };
    make().map_err(folder.failed_at("link", name))
}

/// What is installed from elsewhere gets the mode 755 and belongs to the user who runs this, as with install(1).
fn installed(file: &File, times: &Timestamps, folder: &Folder, name: &OsStr) -> Result<()> {
    let to = XattrTarget::Open(file.as_fd());
    let set = set_mode(to, 0o755).and_then(|()| set_times(to, times));
    set.map_err(folder.failed_at("set attributes of", name))
}
