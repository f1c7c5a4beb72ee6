//! How many jobs the limit of open files (`RLIMIT_NOFILE`) has room for.
//!
//! It is not raised: the jobs would inherit that, and programs that close every descriptor there could
//! be, or that use select(2), do badly with a high one.

use std::fs;

use common::{Error, Result};
use rustix::process::{Resource, getrlimit};

const OPEN: &str = "/proc/self/fd";

/// What a job needs while it is started, as all may be at the same time: its log, and both ends of its
/// output and of its supervisor's socket.
const OF_A_JOB: u64 = 5;

/// What comes and goes: a start, the show, the looks at load, memory and logs.
const OF_ALL: u64 = 24;

/// How many jobs may run at once with what is open now; one always may.
pub(crate) fn room() -> Result<usize> {
    let failed = |cause| Error::io("read", OPEN, cause);
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return Ok(usize::MAX);
    };
    let open = fs::read_dir(OPEN).map_err(failed)?.count();
    Ok(room_of(limit, u64::try_from(open).unwrap_or(u64::MAX)))
}

fn room_of(limit: u64, open: u64) -> usize {
    let free = limit.saturating_sub(open).saturating_sub(OF_ALL);
    usize::try_from(free / OF_A_JOB)
        .unwrap_or(usize::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_limit_has_room_for_hundreds_and_a_low_one_for_one() {
        assert_eq!(room_of(1024, 20), 196);
        assert_eq!(room_of(64, 20), 4);
        assert_eq!(room_of(32, 20), 1);
        assert_eq!(room_of(8, 20), 1);
    }
}
