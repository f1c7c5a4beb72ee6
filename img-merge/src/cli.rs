//! The words of the command line, as clap reads them.

use std::ffi::OsString;

use clap::Parser;
use common::cli::Shared;

#[derive(Debug, Parser)]
#[command(name = "img-merge", version, about)]
pub(crate) struct Words {
    #[command(flatten)]
    pub(crate) shared: Shared,
}

pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Words, u8> {
    common::cli::parse(crate::TOOL, words, common::exit::FAILED)
}
