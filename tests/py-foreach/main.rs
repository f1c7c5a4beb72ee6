//! Black-box tests of `py-foreach`, each through the program.

mod copying;
mod discovery;
mod environment;
mod shell_functions;
mod usage;

use test_support::Tool;

/// The tool under test.
fn tool() -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_py-foreach"))
}
