//! The file system by one name at a time, relative to directories that we hold open.
//!
//! Nothing here decides anything. Everything that touches DEST goes through a [`Dir`] that was opened
//! beneath DEST without following a link, so a link that is swapped in leads nowhere.

pub mod attributes;
pub mod caller;
pub mod contents;
pub mod dir;
pub mod file_id;
pub mod handle;
pub mod listing;
pub mod remove;
pub mod xattrs;

pub use attributes::{Attributes, Identity, Kind};
pub use caller::Caller;
pub use dir::Dir;
pub use file_id::{Birth, FileId};
pub use handle::Handle;
pub use listing::Listing;
pub use xattrs::Xattrs;
