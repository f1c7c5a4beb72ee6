//! The file system by one name at a time, relative to directories that we hold open.
//!
//! Every call acts on a [`Dir`], opened without following links, and a single name in it: a link that another
//! process swaps in leads nowhere. Nothing here decides anything; errors are the kernel's own, and the caller adds
//! the path for people.
//!
//! From the top: [`copy`] makes a file like another; [`publish`](mod@publish) and [`exchange`](mod@exchange) give it
//! its name; [`metadata`], [`contents`] and [`Xattrs`] are its parts; [`remove`] takes a tree away; [`flock`](mod@flock)
//! keeps others out; [`At`], [`FileId`], [`Attributes`] and [`Dir`] are what they stand on.

pub mod at;
pub mod attributes;
pub mod caller;
pub mod contents;
pub mod copy;
pub mod dir;
pub mod exchange;
pub mod file_id;
pub mod flock;
pub mod handle;
pub mod listing;
pub mod metadata;
pub mod publish;
pub mod remove;
pub mod xattrs;

pub use at::{At, as_os, c_name, split};
pub use attributes::{Attributes, Identity, Kind};
pub use caller::Caller;
pub use dir::Dir;
pub use exchange::{exchange, put_back};
pub use file_id::FileId;
pub use flock::{Lock, Locked, flock};
pub use handle::Handle;
pub use listing::Listing;
pub use metadata::{apply_metadata, set_times};
pub use publish::{Placeholder, Published, publish, publish_directory};
pub use xattrs::{Lost, XattrTarget, Xattrs};
