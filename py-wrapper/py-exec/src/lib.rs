//! `py-exec`, the dispatcher: it decides which Python's script runs, and starts it.
//!
//! It runs before every script, so it makes only a few system calls: no allocation, no formatting, no standard library.
//! `options` reads the arguments, `place` finds the wrapper's name and the script root, and `order` walks the
//! implementations from the most preferred on. `dispatch` executes the first that can be executed; `explain` prints
//! them instead. All system calls are in [`sys`].
#![cfg_attr(not(test), no_std)]

mod candidate;
mod config;
mod dispatch;
mod explain;
mod name;
mod options;
mod order;
mod path;
mod place;
mod say;
mod settings;
pub mod sys;

pub use options::run;

/// The exit status when no implementation fits, as python-exec and shells have it.
pub const NOT_FOUND: i32 = 127;

/// The exit status after wrong arguments, or if the answer could not be written, when the program is called by its own
/// name.
pub(crate) const MISUSED: i32 = 1;

/// The default script root; set when the tools are built.
pub const SCRIPT_ROOT: &str = match option_env!("PY_EXEC_SCRIPTROOT") {
    Some(path) => path,
    None => "/usr/lib/python-exec",
};

/// The directory that holds `python-exec/` with the configuration; set when the tools are built.
pub const SYSCONFDIR: &str = match option_env!("PY_EXEC_SYSCONFDIR") {
    Some(path) => path,
    None => "/etc",
};
