//! Room for one more job: the load average (`-l`), and the limit of open files.

use std::fs;

use common::{Error, Result};
use rustix::process::{Resource, getrlimit};

const LOADAVG: &str = "/proc/loadavg";
const OPEN: &str = "/proc/self/fd";

/// The descriptors that a job needs while it is started: its log, and both ends of its output and of its
/// supervisor's socket.
const OF_A_JOB: u64 = 5;

/// The descriptors that come and go: the show, the report, the looks at load, memory and logs.
const OF_ALL: u64 = 24;

/// Whether the load of the last minute is above `most`.
pub(crate) fn is_load_above(most: f64) -> Result<bool> {
    let text = fs::read_to_string(LOADAVG).map_err(|c| Error::io("read", LOADAVG, c))?;
    let first = text
        .split_whitespace()
        .next()
        .and_then(|word| word.parse::<f64>().ok());
    let load = first.ok_or_else(|| Error::refused("read", LOADAVG, "has no number"))?;
    Ok(load > most)
}

/// For how many jobs at once there are descriptors, with what is open now; always for one.
///
/// The limit (`RLIMIT_NOFILE`) is not raised: the jobs would inherit that, and programs that close every possible
/// descriptor, or that use select(2), do badly with a high one.
pub(crate) fn for_open_files() -> Result<usize> {
    let failed = |cause| Error::io("read", OPEN, cause);
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return Ok(usize::MAX);
    };
    let open = fs::read_dir(OPEN).map_err(failed)?.count();
    Ok(jobs_within(limit, open as u64))
}

fn jobs_within(limit: u64, open: u64) -> usize {
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
        for (limit, jobs) in [(1024, 196), (64, 4), (32, 1), (8, 1)] {
            assert_eq!(jobs_within(limit, 20), jobs, "{limit}");
        }
    }
}
