//! An image as it was found, and its temporary names. Everything is beneath the image and no symlink is followed.

pub(crate) mod folder;
pub(crate) mod leftovers;
pub(crate) mod lists;
pub(crate) mod source;
pub(crate) mod survey;
pub(crate) mod temporary;
