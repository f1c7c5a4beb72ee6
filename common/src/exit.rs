//! The exit codes of the tools (`py-multibuild(7)`, EXIT STATUS), and the rule that joins two.

use std::process::ExitCode;

/// Everything was done.
pub const DONE: u8 = 0;

/// `img-merge` and `py-wrapper`: the input as found says no (conflicts, a script that may not be
/// wrapped); nothing of that image was changed.
pub const REFUSED: u8 = 1;

/// `img-merge` and `py-wrapper`: a system call failed, the usage was wrong, or the stream of records
/// was not complete; what was changed has been undone.
pub const FAILED: u8 = 2;

/// `py-foreach`: a job ran into its time limit, as timeout(1) says it.
pub const TIMED_OUT: u8 = 124;

/// `py-foreach` itself failed, usage included, as env(1) and timeout(1) say it.
pub const FOREACH_FAILED: u8 = 125;

/// `py-foreach`: the command was found and cannot be run, as env(1) says it.
pub const CANNOT_RUN: u8 = 126;

/// `py-foreach`: the command was not found, as env(1) says it. `py-exec`: no implementation fits.
pub const NOT_FOUND: u8 = 127;

/// The status that a shell gives to a process which signal `signal` ended.
#[must_use]
pub fn of_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// The status that a filter hands on at the end of its stream: the one it was handed, or its own
/// where that one is 0.
#[must_use]
pub fn handed_on(upstream: u8, own: u8) -> u8 {
    if upstream == DONE { own } else { upstream }
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

    #[test]
    fn the_first_trouble_is_handed_on() {
        assert_eq!(handed_on(0, 0), 0);
        assert_eq!(handed_on(0, 1), 1);
        assert_eq!(handed_on(7, 2), 7);
        assert_eq!(handed_on(7, 0), 7);
    }
}
