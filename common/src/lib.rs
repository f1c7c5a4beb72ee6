//! The code that several tools of py-multibuild share.
//!
//! A tool reads its command line with [`cli`], names Pythons with [`Implementation`], passes finished images on as
//! [`record`]s, fails with [`Error`] and the codes of [`exit`], works on files with [`mod@fs`], and leaves nothing
//! half-made after a [signal](interrupt).

pub mod cli;
pub mod error;
pub mod exit;
pub mod fs;
pub mod implementation;
mod inherited_fds;
pub mod interrupt;
pub mod json;
mod lock;
pub mod outputs;
pub mod procfs;
pub mod record;
pub mod show;

pub use error::{Error, Result};
pub use implementation::Implementation;
pub use interrupt::Interrupts;
pub use lock::lock;
