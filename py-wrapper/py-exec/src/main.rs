//! The program `py-exec`; see its man page.
//!
//! The library is the same in two programs: libc starts one of them, on every processor. The kernel itself starts the
//! other, with the feature `bare`, on processors that `sys/bare.rs` knows. With that feature neither has std.
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
