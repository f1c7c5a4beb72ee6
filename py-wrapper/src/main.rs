//! The program `py-wrapper`; see its man page.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::exit::code(py_wrapper::run(std::env::args_os()))
}
