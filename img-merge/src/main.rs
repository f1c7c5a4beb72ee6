//! The program `img-merge`; see its man page.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::exit::code(img_merge::run(std::env::args_os()))
}
