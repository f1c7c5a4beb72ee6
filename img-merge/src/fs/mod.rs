//! The file system by one name at a time, relative to directories that we hold open.
//!
//! Nothing here decides anything. Everything that touches DEST goes through a [`Dir`] that was opened
//! beneath DEST without following a link, so a link that is swapped in leads nowhere.

pub(crate) mod attributes;
pub(crate) mod caller;
pub(crate) mod contents;
pub(crate) mod dir;
pub(crate) mod handle;
pub(crate) mod individual;
pub(crate) mod listing;
pub(crate) mod remove;
pub(crate) mod xattrs;

pub(crate) use attributes::{Attributes, Identity, Kind};
pub(crate) use caller::Caller;
pub(crate) use dir::Dir;
pub(crate) use handle::Handle;
pub(crate) use individual::{Birth, Individual};
pub(crate) use listing::Listing;
pub(crate) use xattrs::Xattrs;
