//! Black-box tests of `py-foreach`, each through the program.

mod clients;
mod copying;
mod discovery;
mod distcc;
mod environment;
mod manual;
mod packages;
mod shell_functions;
mod usage;

use test_support::Tool;

/// What the caller's own environment may hold and no test means.
const FOREIGN: [&str; 12] = [
    "MAKEFLAGS",
    "MFLAGS",
    "GNUMAKEFLAGS",
    "CARGO_MAKEFLAGS",
    "MAKEOPTS",
    "MAKELEVEL",
    "T",
    "WORKDIR",
    "BUILD_DIR",
    "MULTIBUILD_ID",
    "PYTHON_TARGETS",
    "DIST_EXTRA_CONFIG",
];

/// The tool under test, in an environment that says nothing of pools and builds.
fn tool() -> Tool {
    let tool = Tool::new(env!("CARGO_BIN_EXE_py-foreach"));
    FOREIGN.into_iter().fold(tool, Tool::env_remove)
}
