//! The program `py-foreach`; see its man page.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::exit::code(py_foreach::run(std::env::args_os()))
}
