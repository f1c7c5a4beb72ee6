//! `py-wrapper`, the library behind the program.
//!
//! A run goes `main → run → cli → settings → session`. For each image `image` reads what is there, `plan` decides in
//! pure code, `apply` changes the image, and `report` prints.

mod apply;
mod cli;
mod image;
pub mod layout;
pub mod plan;
mod record;
mod replicate;
mod report;
pub mod script;
mod session;
mod settings;
pub mod shebang;
mod stream;
pub mod wrapper;

use std::ffi::OsString;

use common::{error, exit};

use session::{Session, TOOL};
use settings::Task;

/// Runs the tool with the words of its command line and returns its exit status.
#[must_use]
pub fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    let args = match cli::parse(words) {
        Ok(args) => args,
        Err(status) => return status,
    };
    let prepared = args
        .task()
        .and_then(|task| Ok((task, Session::new(args.settings()?)?)));
    let done = prepared.and_then(|(task, mut session)| {
        let status = match task {
            Task::Stream(source, end) => stream::run(&mut session, &source, end),
            Task::Image(implementation, image) => session.wrap(&implementation, &image),
            Task::Replicate {
                files,
                implementations,
                image,
            } => session.replicate(&files, &implementations, &image),
        };
        session.finish().map(|()| status)
    });
    done.unwrap_or_else(|cause| {
        error::report(TOOL, [&cause]);
        exit::FAILED
    })
}
