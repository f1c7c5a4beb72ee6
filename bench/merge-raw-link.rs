//! The floor under `img-merge --method=link`: getdents, mkdirat and linkat, and nothing else.
//!
//! `merge-raw-link THREADS IMAGE DEST` keeps no metadata, finds no conflict and undoes nothing. It opens
//! each directory by its name in the one above, as the tool does, and shares directories among threads.

use std::error::Error;
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, linkat, mkdirat, open, openat};
use rustix::io::Result;

type Pair = Arc<(OwnedFd, OwnedFd)>;

/// Directories that wait, and how many wait or are at work.
struct Heap {
    waiting: Mutex<Vec<(Pair, CString)>>,
    left: AtomicUsize,
}

const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().collect();
    let [_, threads, image, dest] = words.as_slice() else {
        return Err("THREADS IMAGE DEST".into());
    };
    let top = (
        open(image, FLAGS, Mode::empty())?,
        open(dest, FLAGS, Mode::empty())?,
    );
    let heap = Heap {
        waiting: Mutex::new(vec![(Arc::new(top), c".".to_owned())]),
        left: AtomicUsize::new(1),
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.parse()?)
            .map(|_| scope.spawn(|| heap.help()))
            .collect();
        for thread in threads {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok(())
    })
}

impl Heap {
    fn help(&self) -> Result<()> {
        let mut buffer = vec![MaybeUninit::uninit(); 32 * 1024];
        while self.left.load(Ordering::Acquire) > 0 {
            let next = self
                .waiting
                .lock()
                .map_or(None, |mut waiting| waiting.pop());
            match next {
                Some((around, name)) => {
                    self.directory(&around, &name, &mut buffer)?;
                    self.left.fetch_sub(1, Ordering::AcqRel);
                }
                None => thread::yield_now(),
            }
        }
        Ok(())
    }

    fn directory(
        &self,
        around: &Pair,
        name: &CString,
        buffer: &mut [MaybeUninit<u8>],
    ) -> Result<()> {
        let from = openat(&around.0, name, FLAGS, Mode::empty())?;
        let to = openat(&around.1, name, FLAGS, Mode::empty())?;
        let mut below = Vec::new();
        let mut entries = RawDir::new(&from, buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if entry.file_type() == FileType::Directory {
                mkdirat(&to, name, Mode::RWXU)?;
                below.push(name.to_owned());
            } else {
                linkat(&from, name, &to, name, AtFlags::empty())?;
            }
        }
        let here = Arc::new((from, to));
        self.left.fetch_add(below.len(), Ordering::AcqRel);
        if let Ok(mut waiting) = self.waiting.lock() {
            waiting.extend(below.into_iter().map(|name| (here.clone(), name)));
        }
        Ok(())
    }
}
