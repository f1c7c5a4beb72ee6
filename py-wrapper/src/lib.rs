//! `py-wrapper`, the library behind the program.
//!
//! A run goes `main → run → cli → session`. For each image the session reads it (`image::survey`), decides in pure code
//! ([`plan`]), carries the plan out (`apply`) and reports (`report`).

mod apply;
mod cli;
mod image;
mod installed;
pub mod layout;
mod options;
pub mod plan;
mod replicate;
mod report;
pub mod script;
mod session;
pub mod shebang;
mod stream;
pub mod wrapper;

use std::ffi::OsString;

use common::error::report as complain;
use common::{Result, exit};

use cli::{Args, Task};
use session::Session;

/// The tool's name in messages.
pub const TOOL: &str = "py-wrapper";

/// Runs the tool with its command line and returns its exit status.
#[must_use]
pub fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    let args = match cli::parse(words) {
        Ok(args) => args,
        Err(status) => return status,
    };
    run_task(&args).unwrap_or_else(|error| {
        complain(TOOL, [&error]);
        exit::FAILED
    })
}

fn run_task(args: &Args) -> Result<u8> {
    let task = args.task()?;
    let mut session = Session::new(args)?;
    let status = match task {
        Task::Stream(source) => stream::run(&mut session, source, args.stream.end()),
        Task::Image(implementation, image) => session.wrap(implementation, image),
        Task::Replicate(files, image) => session.replicate(&args.r#impl, files, image),
    };
    session.finish()?;
    Ok(status)
}
