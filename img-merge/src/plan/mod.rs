//! The plan of one transaction: what the images contain, joined with what DEST holds.
//!
//! A plan is data. [`crate::apply`] carries it out, [`print`] shows it. It has one [`DirStep`] for each directory that
//! two sides have. A subtree that one image alone has is one [`Step`], however much is in it.
//!
//! From the top: `scan` reads directories on several threads; `resolve` decides on the names of one directory and
//! `metadata` on the directory itself; `sides` opens and lists it; `compare` says whether two files are equal.

mod compare;
mod conflict;
mod merge_names;
mod metadata;
mod print;
mod resolve;
mod scan;
mod sides;
mod steps;

pub(crate) use conflict::{Class, Conflict, Decision, Side};
pub(crate) use print::print;
pub(crate) use scan::scan;
pub(crate) use sides::JoinedDir;
pub(crate) use steps::{Act, Anchor, Counts, DirStep, Plan, Seen, Step};
