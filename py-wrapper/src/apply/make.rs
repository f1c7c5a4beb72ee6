//! Makes the files of scripts under their temporary names: the moved script, and the wrapper.
//!
//! Nothing here is visible to users yet, and every name that is made was noted for the way back before. A file
//! system makes new files one directory at a time, and there are two directories, so two threads share
//! the work: one makes a script while the other makes a wrapper. That is what counts where making a
//! file is slow; ext4 without a journal looks at every inode that was freed in the last minutes.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use common::Result;
use rustix::fs::Timestamps;

use super::files;
use super::source::Source;
use super::work::Work;
use crate::image::dir::Dir;
use crate::installed::Sum;
use crate::script::Head;
use crate::wrapper::Wrapper;

/// The threads that make files: as many as there are directories to make them in.
const THREADS: usize = 2;

/// Below so many scripts for each thread there is less to win than a thread costs.
const WORTH_A_THREAD: usize = 16;

/// A temporary name in a directory.
pub(super) type Place = (Arc<Dir>, OsString);

/// A script of an image, and where its files are made.
pub(super) struct Pair<'a> {
    pub(super) bindir: Arc<Dir>,
    pub(super) name: &'a OsStr,
    pub(super) head: &'a Head,
    /// For the moved script; nothing where that is there already.
    pub(super) script: Option<Place>,
    /// For the wrapper.
    pub(super) wrapper: OsString,
    pub(super) text: Arc<Wrapper>,
}

/// The temporary names of scripts that have several names, by the device and inode of what they come from.
type Groups = Mutex<HashMap<(u64, u64), OsString>>;

/// Makes the files of all pairs, and tells the hash of each moved script, in the same order.
///
/// The first pair that fails is the one whose error is told, whichever thread met it.
pub(super) fn all(pairs: &[Pair<'_>], work: &Work<'_>) -> Result<Vec<Sum>> {
    let maker = Maker {
        pairs,
        work,
        next: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
        groups: Groups::default(),
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = (pairs.len() / WORTH_A_THREAD).min(THREADS).min(processors);
    let mut made = thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(|| maker.run())).collect();
        let mut made = maker.run();
        for helper in helpers {
            made.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        made
    });
    made.sort_unstable_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, sum)| sum).collect()
}

/// What the threads share.
struct Maker<'a> {
    pairs: &'a [Pair<'a>],
    work: &'a Work<'a>,
    next: AtomicUsize,
    failed: AtomicBool,
    groups: Groups,
}

impl Maker<'_> {
    /// Makes pair after pair until none is left or one failed. Pairs are taken in order, so that no pair
    /// before a failed one is left out.
    fn run(&self) -> Vec<(usize, Result<Sum>)> {
        let mut made = Vec::new();
        while !self.failed.load(Ordering::Relaxed) {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(pair) = self.pairs.get(at) else {
                break;
            };
            let sum = self.pair(pair);
            self.failed.fetch_or(sum.is_err(), Ordering::Relaxed);
            made.push((at, sum));
        }
        made
    }

    fn pair(&self, pair: &Pair<'_>) -> Result<Sum> {
        self.work.alive()?;
        let source = Source::in_dir(&pair.bindir, pair.name)?;
        let content = pair.head.exchange(&source.content);
        if let Some((scripts, temporary)) = &pair.script {
            // A script that stays as it is needs no second file. Where it may not have a second name
            // (fs.protected_hardlinks, too many names) it is copied like any other.
            let linked = content == source.content
                && pair.bindir.link(pair.name, scripts, temporary).is_ok();
            if !linked {
                self.grouped(&source, &content, scripts, temporary)?;
            }
        }
        let times = files::times(self.work.job.epoch, &source.stat);
        wrapper(&pair.text, &source, &times, &pair.bindir, &pair.wrapper)?;
        Ok(Sum::of(&content))
    }

    /// Makes a script; the names of one file come to be names of one file again.
    fn grouped(&self, source: &Source, content: &[u8], dir: &Dir, name: &OsStr) -> Result<()> {
        if source.stat.st_nlink < 2 {
            return script(source, content, dir, name);
        }
        // Held until the first name is complete, so that the others can be linked to it.
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = groups.get(&source.inode()) {
            if dir.link(first, dir, name).is_ok() {
                return Ok(());
            }
        }
        script(source, content, dir, name)?;
        groups.insert(source.inode(), name.to_owned());
        Ok(())
    }
}

/// Makes a script of this content, and of all else that the source has if that is a part of the image.
pub(super) fn script(source: &Source, content: &[u8], dir: &Dir, name: &OsStr) -> Result<()> {
    let file = dir.create(name, content)?;
    if source.is_part {
        files::copy_metadata(&source.file, &source.stat, &file, &dir.at(name))
    } else {
        files::set_installed(&file, &files::own_times(&source.stat), &dir.at(name))
    }
}

/// Makes the wrapper of a script.
pub(super) fn wrapper(
    wrapper: &Wrapper,
    source: &Source,
    times: &Timestamps,
    dir: &Dir,
    name: &OsStr,
) -> Result<()> {
    match wrapper {
        Wrapper::Text(text) => {
            let file = dir.create(name, text)?;
            if source.is_part {
                files::set_metadata(&file, &source.stat, times, &dir.at(name))
            } else {
                files::set_installed(&file, times, &dir.at(name))
            }
        }
        Wrapper::Link(target) => {
            dir.symlink(target, name)?;
            if source.is_part {
                dir.set_link_owner(name, &source.stat)?;
            }
            dir.set_link_times(name, times)
        }
    }
}
