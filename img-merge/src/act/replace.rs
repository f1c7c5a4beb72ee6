//! Puts something in the place of what is there, so that a reader sees the one or the other.

use std::ffi::{CStr, CString};

use rustix::io::{Errno, Result};

use super::publish;
use crate::fs::{Dir, Individual};

/// Exchanges the staged thing with `name`: the staging then holds what was there.
///
/// Where the file system knows no `RENAME_EXCHANGE`, what is there gets a second name in the staging, and
/// then the new one is renamed over it.
pub(crate) fn exchange(staging: &Dir, staged: &CStr, to: &Dir, name: &CStr) -> Result<()> {
    match staging.exchange(staged, to, name) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        done => return done,
    }
    let mut ready = staged.to_bytes().to_vec();
    ready.push(b'n');
    let ready = CString::new(ready).unwrap_or_default();
    staging.rename_over(staged, staging, &ready)?;
    to.link(name, staging, staged)?;
    staging.rename_over(&ready, to, name)
}

/// Undoes an exchange: what the staging kept comes back, unless someone else has put something else
/// there meanwhile.
pub(crate) fn put_back(
    (staging, kept): (&Dir, &CStr),
    (to, name): (&Dir, &CStr),
    new: Individual,
) -> Result<()> {
    match to.stat_name(name) {
        Ok(there) if new.is(&there, to)? => {}
        Ok(_) => return Ok(()),
        // Someone removed ours; what was there before is still better than nothing.
        Err(Errno::NOENT) => return publish::file((staging, kept), (to, name)),
        Err(cause) => return Err(cause),
    }
    match staging.exchange(kept, to, name) {
        Err(Errno::INVAL | Errno::NOSYS) => staging.rename_over(kept, to, name),
        done => done,
    }
}
