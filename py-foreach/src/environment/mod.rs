//! What each job finds: its variables, its directories, the words of its command.
//!
//! [`plan`] decides everything from plain values; [`Job::prepare`] puts it on disk, in the job's own thread.
//! A job's directory is `RUN/jobs/ID`, with `bin` (first on its PATH), `home`, `pkgconfig` in it; its TMPDIR
//! is `RUN/tmp/ID`. `RUN/clients` is on the PATH of all.

mod build_dir;
mod client_scripts;
mod commands;
mod dist_config;
pub(crate) mod distcc;
mod home;
mod images;
mod job;
mod placeholders;
mod plan;
mod pool;
mod python;

pub(crate) use job::Job;
pub(crate) use plan::{Temporary, begin, export, kind_of_make, plan};
