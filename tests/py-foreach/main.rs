//! Black-box tests of `py-foreach`, each through the program.

#![expect(
    clippy::unwrap_used,
    clippy::format_collect,
    reason = "helpers of tests say what they expect by unwrapping it, and their lists are short"
)]

mod answers;
mod beyond_signals;
mod brake;
mod clients;
mod copying;
mod discovery;
mod distcc;
mod early_signals;
mod endings;
mod environment;
mod gate;
mod interplay;
mod logs;
mod manual;
mod masked;
mod memory;
mod odd_places;
mod open_files;
mod order;
mod output;
mod packages;
mod pool;
mod pool_clients;
mod pool_given;
mod processes;
mod repeated_signals;
mod reports;
mod running;
mod shell_functions;
mod signals;
mod stalled;
mod stalled_terminal;
mod status;
mod temporary;
mod traced;
mod usage;

use tempfile::TempDir;
use test_support::{Tool, scratch};

/// What would shape a run, and what may be set where the tests are started (`make check` is a make).
const NOT_OURS: [&str; 14] = [
    "MAKEFLAGS",
    "MFLAGS",
    "GNUMAKEFLAGS",
    "CARGO_MAKEFLAGS",
    "MAKELEVEL",
    "MAKEOPTS",
    "NINJAOPTS",
    "T",
    "WORKDIR",
    "BUILD_DIR",
    "MULTIBUILD_ID",
    "MULTIBUILD_VARIANT",
    "PYTHON_TARGETS",
    "DIST_EXTRA_CONFIG",
];

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_py-foreach");

thread_local! {
    /// Where the tools of a test have their temporary things, and the logs that a failure leaves. Each test
    /// has a thread, and this goes with it.
    static TEMPORARY: TempDir = scratch();
}

/// The tool under test, in an environment that says nothing of pools and builds, its temporary things in a
/// directory that goes with the test.
fn tool() -> Tool {
    on_our_terms(Tool::new(PROGRAM))
}

/// The same for another program that starts the tool.
fn on_our_terms(tool: Tool) -> Tool {
    let tool = NOT_OURS.into_iter().fold(tool, Tool::env_remove);
    TEMPORARY.with(|directory| tool.env("TMPDIR", directory.path()))
}
