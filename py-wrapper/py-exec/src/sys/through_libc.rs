//! System calls on every processor, by libc's syscall(2).
#![expect(unsafe_code, reason = "the boundary to libc")]

use core::ffi::{c_int, c_long};

// The program needs only these two functions of libc. glibc and musl both have them; build.rs decides how they are
// linked.
unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn __errno_location() -> *mut c_int;
}

/// Makes the system call `number`. A negative result is an error number.
///
/// # Safety
/// The pointers among `words` must be valid for the lengths that the call gets.
pub(super) unsafe fn call(number: u32, words: [usize; 6]) -> isize {
    // SAFETY: passed on to our caller.
    let result = unsafe {
        syscall(
            number.into(),
            words[0],
            words[1],
            words[2],
            words[3],
            words[4],
            words[5],
        )
    };
    if result != -1 {
        return isize::try_from(result).unwrap_or(-1);
    }
    // SAFETY: libc's own place for this thread.
    let errno = unsafe { *__errno_location() };
    isize::try_from(-errno).unwrap_or(-1)
}
