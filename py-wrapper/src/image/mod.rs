//! Reads an image: the names in its bin directories, what has the places of their scripts, and the RECORDs.
//!
//! Everything is beneath the image, and no symlink is followed. Not by walkdir: it works with paths, and a link that
//! another process puts into an image would lead it out.

mod folder;
mod leftovers;
mod records;
mod survey;

pub(crate) use folder::{Descent, Folder};
pub(crate) use leftovers::{rename_new, temporary, temporary_for};
pub(crate) use records::{NAME as RECORD, RecordFile, find as find_records};
pub(crate) use survey::{
    Entry, EntryKind, Executable, Occupant, occupant, open_existing, open_to_change, survey,
};
