//! Makes the files of scripts under their temporary names: the moved script, and the wrapper.
//!
//! Nothing here is visible to users yet, and [`Undo`](super::undo::Undo) knows every name before it is made. Two threads
//! share the work, because there are two directories and a file system makes new files one directory at a time. That
//! counts where making a file is slow: ext4 without a journal looks at every inode that was freed in the last minutes.

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr};
use std::io::Write;
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};
use std::thread;

use common::fs::{Identity, XattrTarget, as_os};
use common::{Error, Result, lock};

use super::metadata::{Metadata, times};
use super::transaction::Transaction;
use crate::image::folder::Folder;
use crate::image::source::Source;
use crate::installed::Sum;
use crate::script::Head;
use crate::wrapper::Wrapper;

/// From so many scripts on a second thread wins more than it costs.
const WORTH_A_THREAD: usize = 32;

/// A temporary name in a directory.
pub(super) type Place = (Arc<Folder>, CString);

/// A script of an image, and where its files are made.
pub(super) struct Pair<'a> {
    pub(super) bindir: Arc<Folder>,
    pub(super) name: &'a OsStr,
    pub(super) head: &'a Head,
    /// For the moved script; nothing where that is there already.
    pub(super) script: Option<Place>,
    /// For the wrapper.
    pub(super) wrapper: CString,
    pub(super) text: Arc<Wrapper>,
}

/// The temporary names of scripts that have several names, by the device and inode of what they come from.
type Groups = Mutex<HashMap<Identity, CString>>;

/// Makes the files of all pairs. Returns the hash of each moved script, in the same order.
///
/// If several pairs fail, it returns the error of the first one.
pub(super) fn all(pairs: &[Pair<'_>], work: &Transaction<'_>) -> Result<Vec<Sum>> {
    let groups = Groups::default();
    let maker = Maker { work, groups };
    let make = |pairs: &[Pair<'_>]| -> Result<Vec<Sum>> {
        pairs.iter().map(|pair| maker.pair(pair)).collect()
    };
    if pairs.len() < WORTH_A_THREAD {
        return make(pairs);
    }
    let (first, second) = pairs.split_at(pairs.len() / 2);
    thread::scope(|scope| {
        let second = scope.spawn(|| make(second));
        let first = make(first);
        let second = second.join().unwrap_or_else(|panic| resume_unwind(panic));
        let mut sums = first?;
        sums.extend(second?);
        Ok(sums)
    })
}

/// What the threads share.
struct Maker<'a> {
    work: &'a Transaction<'a>,
    groups: Groups,
}

impl Maker<'_> {
    fn pair(&self, pair: &Pair<'_>) -> Result<Sum> {
        self.work.check_signals()?;
        let source = Source::in_folder(&pair.bindir, pair.name)?;
        let content = pair.head.exchange(&source.content);
        if let Some((scripts, temporary)) = &pair.script {
            // A script that stays as it is needs no second file. Where it may not have a second name
            // (fs.protected_hardlinks, too many names) it is copied like any other.
            let is_linked = content == source.content && {
                let temporary = as_os(temporary);
                pair.bindir.link(pair.name, scripts, temporary).is_ok()
            };
            if !is_linked {
                self.grouped(&source, &content, scripts, temporary)?;
            }
        }
        let metadata = Metadata::of_wrapper(&source, times(self.work.options.epoch, &source.stat));
        wrapper(&pair.text, &metadata, &pair.bindir, &pair.wrapper)?;
        Ok(Sum::of(&content))
    }

    /// Makes a script. The names of one file become names of one file again.
    fn grouped(&self, source: &Source, content: &[u8], folder: &Folder, name: &CStr) -> Result<()> {
        if source.stat.links < 2 {
            return script(source, content, folder, name);
        }
        // Held until the first name is complete, so that the others can be linked to it.
        let mut groups = lock(&self.groups);
        if let Some(first) = groups.get(&source.stat.identity) {
            if folder.link(first.as_c_str(), folder, name).is_ok() {
                return Ok(());
            }
        }
        script(source, content, folder, name)?;
        groups.insert(source.stat.identity, name.to_owned());
        Ok(())
    }
}

/// Makes a file with this content and all the metadata of `source`.
pub(super) fn script(source: &Source, content: &[u8], folder: &Folder, name: &CStr) -> Result<()> {
    let metadata = Metadata::whole(source);
    let metadata = metadata.map_err(folder.fail("read attributes for", as_os(name)))?;
    file(content, &metadata, folder, name)
}

/// Makes a wrapper.
pub(super) fn wrapper(
    wrapper: &Wrapper,
    metadata: &Metadata,
    folder: &Folder,
    name: &CStr,
) -> Result<()> {
    match wrapper {
        Wrapper::Text(text) => file(text, metadata, folder, name),
        Wrapper::Link(target) => {
            let made = folder.symlink(target.as_os_str(), as_os(name));
            made.map_err(folder.fail("link", as_os(name)))?;
            let finished = metadata.apply_to_link(XattrTarget::Name(folder, name));
            finished.map_err(folder.fail("set attributes of", as_os(name)))
        }
    }
}

fn file(content: &[u8], metadata: &Metadata, folder: &Folder, name: &CStr) -> Result<()> {
    let made = folder.create_file(name);
    let mut file = made.map_err(folder.fail("create", as_os(name)))?;
    let path = || folder.at(as_os(name));
    file.write_all(content)
        .map_err(|cause| Error::io("write", path(), cause))?;
    let finished = metadata.apply(XattrTarget::Open(file.as_fd()));
    finished.map_err(|cause| Error::io("set attributes of", path(), cause))
}
