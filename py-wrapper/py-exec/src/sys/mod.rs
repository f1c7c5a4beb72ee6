//! The system calls of the dispatcher, and the strings that the kernel starts a program with.
//!
//! Only this module has `unsafe` code; everything above it is checked. `call` enters the kernel in one of two ways:
//! through libc, or, in the bare program, by the instruction itself.
#![expect(
    unsafe_code,
    reason = "system calls and the kernel's argument vectors are raw; std would cost more than all of our own work"
)]

#[cfg(bare)]
mod bare;
#[cfg(not(bare))]
mod through_libc;

use core::ffi::{CStr, c_char};

#[cfg(bare)]
use bare::call;
#[cfg(not(bare))]
use through_libc::call;

use linux_raw_sys::errno;
use linux_raw_sys::general as linux;

/// The kernel's answer when a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(i32);

macro_rules! errnos {
    ($($name:ident = $number:ident)*) => {
        #[expect(clippy::cast_possible_wrap, reason = "error numbers are below 4096")]
        #[expect(missing_docs, reason = "the kernel's own names, in errno(3)")]
        impl Errno {
            $(pub const $name: Self = Self(errno::$number as i32);)*
        }
    };
}

errnos! {
    NOENT = ENOENT ACCES = EACCES PERM = EPERM NOEXEC = ENOEXEC ISDIR = EISDIR NOTDIR = ENOTDIR
    LOOP = ELOOP NAMETOOLONG = ENAMETOOLONG TOOBIG = E2BIG NOMEM = ENOMEM TXTBSY = ETXTBSY IO = EIO
    MFILE = EMFILE NFILE = ENFILE LIBBAD = ELIBBAD FBIG = EFBIG INTR = EINTR INVAL = EINVAL
    NOSPC = ENOSPC PIPE = EPIPE BADF = EBADF
}

/// An open file, closed when it is dropped.
#[derive(Debug)]
pub struct Fd(i32);

/// The attributes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Type and permissions.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// Device and inode.
    pub id: (u32, u32, u64),
}

impl Stat {
    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.mode & linux::S_IFMT == linux::S_IFDIR
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.mode & linux::S_IFMT == linux::S_IFREG
    }
}

/// Paths that are not absolute begin at the working directory.
const HERE: i32 = linux::AT_FDCWD;

/// A number as the kernel's registers take it.
fn word(number: i32) -> usize {
    usize::from_ne_bytes((number as isize).to_ne_bytes())
}

/// Makes the system call `number`.
///
/// # Safety
/// The pointers among `words` must be valid for the lengths that the call gets.
unsafe fn ask<const N: usize>(number: u32, words: [usize; N]) -> Result<usize, Errno> {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&words);
    // SAFETY: passed on to our caller.
    answer(unsafe { call(number, all) })
}

fn answer(result: isize) -> Result<usize, Errno> {
    match usize::try_from(result) {
        Ok(value) => Ok(value),
        // The kernel's errors are -1 to -4095.
        Err(_) => Err(Errno(i32::try_from(-result).unwrap_or(i32::MAX))),
    }
}

fn open_with(path: &CStr, flags: u32) -> Result<Fd, Errno> {
    let flags = (flags | linux::O_CLOEXEC) as usize;
    let words = [word(HERE), path.as_ptr() as usize, flags];
    // SAFETY: the path is closed by a zero and outlives the call.
    let fd = unsafe { ask(linux::__NR_openat, words) };
    fd.map(|fd| Fd(i32::try_from(fd).unwrap_or(-1)))
}

/// Opens a file for reading. A fifo does not block.
pub fn open(path: &CStr) -> Result<Fd, Errno> {
    open_with(path, linux::O_RDONLY | linux::O_NONBLOCK | linux::O_NOCTTY)
}

/// Opens a directory.
pub fn open_dir(path: &CStr) -> Result<Fd, Errno> {
    open_with(path, linux::O_RDONLY | linux::O_DIRECTORY)
}

impl Fd {
    /// Reads once, at most as much as fits.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let words = [self.word(), buffer.as_mut_ptr() as usize, buffer.len()];
        // SAFETY: the buffer is ours, is as long as is said, and outlives the call.
        unsafe { ask(linux::__NR_read, words) }
    }

    /// Reads until the buffer is full or the file ends, and returns the part that was read.
    pub fn fill<'a>(&self, buffer: &'a mut [u8]) -> Result<&'a [u8], Errno> {
        let mut length = 0;
        while let Some(room) = buffer.get_mut(length..).filter(|room| !room.is_empty()) {
            match self.read(room) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(Errno::INTR) => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(buffer.get(..length).unwrap_or_default())
    }

    /// Makes the next [`Fd::names`] begin at the first name again.
    pub fn rewind(&self) -> Result<(), Errno> {
        let words = [self.word(), 0, linux::SEEK_SET as usize];
        // SAFETY: no memory is handed over.
        unsafe { ask(linux::__NR_lseek, words) }.map(drop)
    }

    /// Calls `each` with the names of a directory's next entries. Returns `false` at its end.
    pub fn names(&self, mut each: impl FnMut(&[u8])) -> Result<bool, Errno> {
        const NAME: usize = core::mem::offset_of!(linux::linux_dirent64, d_name);
        const LENGTH: usize = core::mem::offset_of!(linux::linux_dirent64, d_reclen);
        let mut buffer = [0; 4096];
        let words = [self.word(), buffer.as_mut_ptr() as usize, buffer.len()];
        // SAFETY: the buffer is ours, is as long as is said, and outlives the call.
        let length = unsafe { ask(linux::__NR_getdents64, words) }?;
        let mut rest = buffer.get(..length).unwrap_or_default();
        while let (Some(&low), Some(&high)) = (rest.get(LENGTH), rest.get(LENGTH + 1)) {
            let entry = usize::from(u16::from_ne_bytes([low, high]));
            let name = rest.get(NAME..entry).unwrap_or_default();
            each(name.split(|&b| b == 0).next().unwrap_or_default());
            rest = rest.get(entry.max(1)..).unwrap_or_default();
        }
        Ok(length > 0)
    }

    /// The attributes of the open file.
    pub fn stat(&self) -> Result<Stat, Errno> {
        statx(self.word(), c"", linux::AT_EMPTY_PATH)
    }

    fn word(&self) -> usize {
        word(self.0)
    }

    /// The number that the kernel gave it.
    pub fn number(&self) -> i32 {
        self.0
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: no memory is handed over. A file that was only read has nothing to lose on close.
        let _closed = unsafe { ask(linux::__NR_close, [self.word()]) };
    }
}

/// The attributes of a file. It follows a symlink.
pub fn stat(path: &CStr) -> Result<Stat, Errno> {
    statx(word(HERE), path, 0)
}

fn statx(directory: usize, path: &CStr, flags: u32) -> Result<Stat, Errno> {
    let mut found = core::mem::MaybeUninit::<linux::statx>::zeroed();
    let mask =
        (linux::STATX_TYPE | linux::STATX_MODE | linux::STATX_UID | linux::STATX_INO) as usize;
    let words = [
        directory,
        path.as_ptr() as usize,
        flags as usize,
        mask,
        found.as_mut_ptr() as usize,
    ];
    // SAFETY: the path is closed by a zero, and the kernel writes at most one statx into ours.
    unsafe { ask(linux::__NR_statx, words) }?;
    // SAFETY: zeroes are a value of it, and the kernel wrote over them.
    let found = unsafe { found.assume_init() };
    Ok(Stat {
        mode: found.stx_mode.into(),
        uid: found.stx_uid,
        id: (found.stx_dev_major, found.stx_dev_minor, found.stx_ino),
    })
}

/// Reads the target of a symlink into `buffer`.
pub fn read_link<'a>(path: &CStr, buffer: &'a mut [u8]) -> Result<&'a [u8], Errno> {
    let words = [
        word(HERE),
        path.as_ptr() as usize,
        buffer.as_mut_ptr() as usize,
        buffer.len(),
    ];
    // SAFETY: the path is closed by a zero; the buffer is ours and as long as is said.
    let length = unsafe { ask(linux::__NR_readlinkat, words) }?;
    // A target that fills the buffer may have been cut.
    let target = buffer
        .get(..length)
        .filter(|target| target.len() < buffer.len());
    target.ok_or(Errno::NAMETOOLONG)
}

/// Fails if we may not execute the file.
pub fn may_execute(path: &CStr) -> Result<(), Errno> {
    let words = [word(HERE), path.as_ptr() as usize, linux::X_OK as usize];
    // SAFETY: the path is closed by a zero and outlives the call.
    unsafe { ask(linux::__NR_faccessat, words) }.map(drop)
}

/// Writes some of `bytes` and returns how many.
pub fn write(fd: i32, bytes: &[u8]) -> Result<usize, Errno> {
    let words = [word(fd), bytes.as_ptr() as usize, bytes.len()];
    // SAFETY: the bytes are there for the whole call, and the kernel only reads them.
    unsafe { ask(linux::__NR_write, words) }
}

/// The real and the effective user.
pub fn users() -> (usize, usize) {
    // SAFETY: no memory is handed over; these calls cannot fail.
    let user = |number| unsafe { ask(number, []) }.unwrap_or_default();
    (user(linux::__NR_getuid), user(linux::__NR_geteuid))
}

/// Ends the process.
pub fn exit(status: i32) -> ! {
    loop {
        // SAFETY: no memory is handed over.
        let _never = unsafe { ask(linux::__NR_exit_group, [word(status)]) };
    }
}

/// The arguments and the environment of this process.
#[derive(Debug)]
pub struct Start {
    arguments: *mut *const c_char,
    count: usize,
    environment: *const *const c_char,
}

impl Start {
    /// From the arrays that the kernel gives to a program's entry point.
    ///
    /// # Safety
    /// Both arrays must end with a null and hold strings that end with a zero, as execve(2) lays them;
    /// they must live as long as the process, and nobody else may use the first one.
    pub unsafe fn new(arguments: *mut *const c_char, environment: *const *const c_char) -> Self {
        let mut count = 0;
        // SAFETY: the array ends with a null, as the caller promises.
        while unsafe { !(*arguments.add(count)).is_null() } {
            count += 1;
        }
        Self {
            arguments,
            count,
            environment,
        }
    }

    /// An argument; 0 is the name that the program was called by.
    pub fn argument(&self, at: usize) -> Option<&'static CStr> {
        // SAFETY: `at` is within the array, whose strings live as long as the process.
        (at < self.count).then(|| unsafe { CStr::from_ptr(*self.arguments.add(at)) })
    }

    /// The value of an environment variable.
    pub fn variable(&self, name: &[u8]) -> Option<&'static [u8]> {
        let mut at = self.environment;
        loop {
            // SAFETY: the array ends with a null, at which the loop stops; each string lives as long as
            // the process, and is read no further than its closing zero, which no name holds.
            unsafe {
                if (*at).is_null() {
                    return None;
                }
                let string = (*at).cast::<u8>();
                let wanted = name.iter().chain(b"=").enumerate();
                if wanted
                    .into_iter()
                    .all(|(offset, &byte)| *string.add(offset) == byte)
                {
                    return Some(CStr::from_ptr(string.add(name.len() + 1).cast()).to_bytes());
                }
                at = at.add(1);
            }
        }
    }

    /// Becomes the program at `path`, with `path` as argument 0 and what stands after argument `last`.
    ///
    /// It returns only on failure, with the reason.
    pub fn execute(&self, path: &CStr, last: usize) -> Errno {
        // SAFETY: `last` is checked to be within the array, which is ours alone and of this one thread; the
        // path outlives the call, and the old argument is put back before anybody can look at it.
        unsafe {
            if last >= self.count {
                return Errno::INVAL;
            }
            let place = self.arguments.add(last);
            let before = place.replace(path.as_ptr());
            let words = [
                path.as_ptr() as usize,
                place as usize,
                self.environment as usize,
            ];
            let failed = ask(linux::__NR_execve, words);
            place.write(before);
            failed.err().unwrap_or(Errno::INVAL)
        }
    }
}
