//! The exit codes of the tools (`py-multibuild(7)`, EXIT STATUS).

use std::process::ExitCode;

/// Everything was done.
pub const DONE: u8 = 0;

/// `img-merge` and `py-wrapper`: refused because of the input (conflicts, a script that may not be wrapped). Nothing of
/// that image was changed.
pub const REFUSED: u8 = 1;

/// `img-merge` and `py-wrapper`: a system call failed, the usage was wrong, or the stream of records was not complete.
/// All changes were rolled back.
pub const FAILED: u8 = 2;

/// `py-foreach`: a job exceeded its time limit, as in timeout(1).
pub const TIMED_OUT: u8 = 124;

/// `py-foreach` itself failed, also by wrong usage, as in env(1) and timeout(1).
pub const FOREACH_FAILED: u8 = 125;

/// `py-foreach`: the command was found but cannot be executed, as in env(1).
pub const CANNOT_RUN: u8 = 126;

/// `py-foreach`: the command was not found, as in env(1). `py-exec`: no implementation has the script.
pub const NOT_FOUND: u8 = 127;

/// The status that a shell reports for a process that `signal` ended.
#[must_use]
pub fn of_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// A tool's status as its `main` returns it.
#[must_use]
pub fn code(status: u8) -> ExitCode {
    ExitCode::from(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_128_and_its_number() {
        assert_eq!(of_signal(2), 130);
        assert_eq!(of_signal(15), 143);
        assert_eq!(of_signal(200), 255);
    }
}
