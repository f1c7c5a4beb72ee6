//! Records: how the tools pass finished images to each other (`py-multibuild(7)`, RECORDS).
//!
//! A record is `EPYTHON<TAB>ABSOLUTE-PATH<LF>`: this image is complete. `end<TAB>STATUS<LF>` closes a stream. A
//! [`Writer`] writes a stream, a [`Reader`] reads one. A filter has one of each and passes the status on.

mod reader;
mod writer;

pub use reader::{End, Reader};
pub use writer::Writer;

use std::path::PathBuf;

use crate::Implementation;

/// The first word of the last line of a stream. No implementation has this name.
const END: &str = "end";

/// An image that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The implementation that it was built for.
    pub implementation: Implementation,
    /// Its absolute path, without tab or newline.
    pub image: PathBuf,
}
