//! The entry point that the kernel jumps to on x86-64: no libc, no loader, nothing to set up.
//!
//! The library needs no thread-local storage, no allocator and no relocation: the program is linked at a fixed
//! address. It needs only a stack, and the kernel has made one.
#![expect(
    unsafe_code,
    reason = "the entry point and what the compiler expects of a libc"
)]

use core::arch::{asm, global_asm};
use core::ffi::c_char;

// At the entry the stack pointer is at the number of arguments; it is a multiple of 16 there, which the
// call keeps as the ABI wants it.
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {start}",
    "ud2",
    start = sym start,
);

unsafe extern "C" fn start(stack: *mut usize) -> ! {
    // SAFETY: the kernel lays the count, the arguments, a null, the environment and a null.
    let start = unsafe {
        let arguments = stack.add(1).cast::<*const c_char>();
        let environment = arguments.add(*stack + 1);
        py_exec::sys::Start::new(arguments, environment)
    };
    py_exec::sys::exit(py_exec::run(&start))
}

// What the compiler calls for copies and comparisons. They are written with string instructions, because
// a loop would be compiled into a call of the very same function.

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    // SAFETY: as C has it, which is the compiler's to keep; the direction flag is clear. Eight bytes at a
    // time, then the rest.
    unsafe {
        asm!("rep movsq", "mov ecx, {rest:e}", "rep movsb", rest = in(reg) length % 8,
            inout("rcx") length / 8 => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags));
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= length {
        // SAFETY: the places do not overlap so that going up would read what was written.
        return unsafe { memcpy(to, from, length) };
    }
    // SAFETY: as C has it; from the end down, and the direction flag is cleared again.
    unsafe {
        asm!("std", "rep movsb", "cld", inout("rcx") length => _,
            inout("rdi") to.add(length).wrapping_sub(1) => _,
            inout("rsi") from.add(length).wrapping_sub(1) => _, options(nostack));
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, length: usize) -> *mut u8 {
    let eight = u64::from_ne_bytes([byte.to_ne_bytes()[0]; 8]);
    // SAFETY: as C has it; the direction flag is clear.
    unsafe {
        asm!("rep stosq", "mov ecx, {rest:e}", "rep stosb", rest = in(reg) length % 8,
            inout("rcx") length / 8 => _, inout("rdi") to => _, in("rax") eight,
            options(nostack, preserves_flags));
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, length: usize) -> i32 {
    for at in 0..length {
        // SAFETY: both are as long as is said. Reads that must be made keep the loop a loop.
        let (a, b) = unsafe { (left.add(at).read_volatile(), right.add(at).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, length: usize) -> i32 {
    // SAFETY: the same promise.
    unsafe { memcmp(left, right, length) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const c_char) -> usize {
    let mut length = 0;
    // SAFETY: a zero closes it.
    while unsafe { text.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}
