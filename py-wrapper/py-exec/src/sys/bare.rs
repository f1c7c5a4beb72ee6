//! The way into the kernel without libc, on x86-64.
#![expect(unsafe_code, reason = "the instruction that enters the kernel")]

use core::arch::asm;

/// Makes the system call `number`. A negative result is an error number.
///
/// The x86-64 calling convention of the kernel: number in rax, words in rdi rsi rdx r10 r8 r9, result in
/// rax; rcx and r11 are lost (syscall(2)).
///
/// # Safety
/// The pointers among `words` must be valid for the lengths that the call gets.
pub(super) unsafe fn call(number: u32, words: [usize; 6]) -> isize {
    let result;
    // SAFETY: the registers are those of the convention; memory is the caller's to vouch for.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as usize => result,
            in("rdi") words[0],
            in("rsi") words[1],
            in("rdx") words[2],
            in("r10") words[3],
            in("r8") words[4],
            in("r9") words[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}
