//! Gives something that is ready its name, and never takes the place of anything.

use std::ffi::CStr;

use rustix::fs::Mode;
use rustix::io::{Errno, Result};

use crate::fs::Dir;

/// Moves `name` of `from` to `new` of `to`; EEXIST if there is anything.
///
/// Where the file system knows no `RENAME_NOREPLACE`, a file gets its second name by link(2), and a
/// directory takes the place of an empty one that we make: both refuse what they find, too.
pub(crate) fn publish(from: &Dir, name: &CStr, to: &Dir, new: &CStr, is_dir: bool) -> Result<()> {
    match from.rename(name, to, new) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        done => return done,
    }
    if is_dir {
        to.make_dir(new, Mode::RWXU)?;
        let renamed = from.rename_over(name, to, new);
        if renamed.is_err() {
            to.remove_dir(new)?;
        }
        return renamed;
    }
    from.link(name, to, new)?;
    from.unlink(name)
}
