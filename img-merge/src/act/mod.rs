//! Carries a plan out. Only here, in [`crate::staging`] and in [`crate::recovery`] is anything changed.

mod build;
mod carry_out;
mod consume;
mod copy;
mod dirs;
mod groups;
pub(crate) mod metadata;
mod notes;
mod opened;
mod place;
mod probe;
pub(crate) mod publish;
mod rename;
pub(crate) mod replace;
mod splits;
mod subtract;
mod sync;
mod undo;
mod visit;
mod work;

pub(crate) use carry_out::carry_out;
pub(crate) use consume::{consume, remove_roots};
pub(crate) use dirs::same_time;
pub(crate) use probe::probe;
pub(crate) use undo::{kept, undo};
pub(crate) use work::Work;
