//! How the pool that MAKEFLAGS name stands to ours.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};

use crate::makeflags::{Auth, auth};

/// The lowest number that a client opens the pool at: above what a shell or a test of descriptors uses.
const LOWEST: i32 = 200;

/// How the pool of MAKEFLAGS stands to our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is ours, by the name of its fifo.
    Named,
    /// It is ours, by descriptors that are open.
    Inherited,
    /// It was named by descriptors that did not survive. A make between us and py-foreach had them.
    Lost,
    /// None is named: somebody cleared the environment.
    None,
    /// It is another one that works, or it is switched off: somebody wanted it so.
    Foreign,
}

/// Judges MAKEFLAGS.
pub(super) fn standing(flags: &OsStr, fifo: &Path) -> Standing {
    match auth(flags) {
        Auth::Fifo(path) if path == fifo => Standing::Named,
        Auth::Descriptors(read, write) if read >= 0 && write >= 0 => {
            match (pool_at(read), pool_at(write), place(fifo)) {
                (Some(r), Some(w), Some(ours)) if r == ours && w == ours => Standing::Inherited,
                (Some(_), Some(_), _) => Standing::Foreign,
                _ => Standing::Lost,
            }
        }
        Auth::None => Standing::None,
        Auth::Fifo(_) | Auth::Descriptors(..) => Standing::Foreign,
    }
}

/// Which file a descriptor is, if it may be a pool: a pipe, a fifo or a character device.
fn pool_at(descriptor: i32) -> Option<(u64, u64)> {
    let data = std::fs::metadata(format!("/proc/self/fd/{descriptor}")).ok()?;
    let kind = data.file_type();
    (kind.is_fifo() || kind.is_char_device()).then(|| (data.dev(), data.ino()))
}

fn place(fifo: &Path) -> Option<(u64, u64)> {
    let data = std::fs::metadata(fifo).ok()?;
    Some((data.dev(), data.ino()))
}

/// Opens the fifo for the program that this process becomes, and returns the descriptor.
///
/// Open for reading and writing, so that it neither waits for another side nor ever sees an end.
pub(super) fn open(fifo: &Path) -> io::Result<i32> {
    let file = OpenOptions::new().read(true).write(true).open(fifo)?;
    let high = fcntl_dupfd_cloexec(&file, LOWEST)?;
    fcntl_setfd(&high, FdFlags::empty())?;
    let number = high.as_raw_fd();
    // It is to live on in the program that comes.
    let _lives_on = high.into_raw_fd();
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fifo_in(directory: &Path) -> std::path::PathBuf {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let fifo = directory.join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        fifo
    }

    fn judged(flags: &str, fifo: &Path) -> Standing {
        standing(OsStr::new(flags), fifo)
    }

    #[test]
    fn pools_are_told_apart() {
        let scratch = tempfile::tempdir().unwrap();
        let fifo = fifo_in(scratch.path());
        let named = format!(" -j --jobserver-auth=fifo:{}", fifo.display());
        assert_eq!(judged(&named, &fifo), Standing::Named);
        let number = open(&fifo).unwrap();
        assert!(number >= LOWEST);
        let inherited = format!("-j --jobserver-auth={number},{number}");
        assert_eq!(judged(&inherited, &fifo), Standing::Inherited);
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let other = format!(
            "-j --jobserver-auth={},{}",
            reader.as_raw_fd(),
            writer.as_raw_fd()
        );
        assert_eq!(judged(&other, &fifo), Standing::Foreign);
        assert_eq!(judged("-j --jobserver-auth=950,951", &fifo), Standing::Lost);
        let data = std::fs::File::open("/proc/self/status").unwrap();
        let file = format!("--jobserver-auth={0},{0}", data.as_raw_fd());
        assert_eq!(judged(&file, &fifo), Standing::Lost, "a file is no pool");
        assert_eq!(
            judged("-j --jobserver-auth=-2,-2", &fifo),
            Standing::Foreign
        );
        assert_eq!(judged("k", &fifo), Standing::None);
    }
}
