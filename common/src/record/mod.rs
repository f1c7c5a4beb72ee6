//! Records: how the tools hand finished images to each other (`py-multibuild(7)`, RECORDS).
//!
//! A record is `EPYTHON<TAB>ABSOLUTE-PATH<LF>`: this image is complete. `end<TAB>STATUS<LF>` closes a
//! stream. Whoever writes a stream uses [`Writer`], whoever reads one [`Reader`]; a filter holds one
//! of each and hands the status on.

mod reader;
mod writer;

pub use reader::{End, Reader};
pub use writer::Writer;

use std::path::PathBuf;

use crate::Implementation;

/// The word that opens the last line of a stream. No implementation bears it.
const END: &str = "end";

/// An image that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The implementation that it was built for.
    pub implementation: Implementation,
    /// Where it lies: an absolute path without tab or newline.
    pub image: PathBuf,
}
