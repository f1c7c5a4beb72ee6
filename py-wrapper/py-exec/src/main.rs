//! The program `py-exec`; see its man page.
//!
//! Two thin shells around the library, which is the same in both: started by libc on every processor, or,
//! with the feature `bare` where it is known how, by the kernel itself.
#![no_main]
#![cfg_attr(bare, no_std)]

#[cfg(bare)]
mod bare;
#[cfg(not(bare))]
mod hosted;

#[cfg(all(bare, not(panic = "abort")))]
compile_error!("without a standard library nothing can unwind: build with --profile dispatcher");
