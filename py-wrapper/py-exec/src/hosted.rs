//! The entry point that libc calls. Rust's own start is left out, because it would ignore SIGPIPE.
#![expect(unsafe_code, reason = "the entry point that libc calls")]

use core::ffi::{c_char, c_int};

#[unsafe(no_mangle)]
extern "C" fn main(
    _: c_int,
    arguments: *mut *const c_char,
    environment: *const *const c_char,
) -> c_int {
    // SAFETY: libc hands over the kernel's arrays, and nobody else changes them.
    let start = unsafe { py_exec::sys::Start::new(arguments, environment) };
    py_exec::run(&start)
}
