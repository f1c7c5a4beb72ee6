//! The program `py-exec`; see its man page.
//!
//! Two thin shells around the library, which is the same in both: started by libc on every processor, or,
//! with the feature `bare` where it is known how, by the kernel itself. With that feature neither has std.
#![no_main]
#![cfg_attr(alone, no_std)]

#[cfg(bare)]
mod bare;
#[cfg(not(bare))]
mod hosted;

#[cfg(all(alone, not(panic = "abort")))]
compile_error!("without a standard library nothing can unwind: build with --profile dispatcher");

#[cfg(alone)]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    py_exec::sys::exit(py_exec::NOT_FOUND)
}
