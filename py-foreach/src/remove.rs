//! Removes a tree that a job has made, also directories that it closed to writing.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{Error, Result};
use walkdir::WalkDir;

/// How often a removal is tried while others still write there.
const TRIES: usize = 5;

/// Removes `path` with all that is below it, if it is there.
pub(crate) fn tree(path: &Path) -> Result<()> {
    let mut removed = fs::remove_dir_all(path);
    for _ in 1..TRIES {
        match removed.as_ref().map_err(io::Error::kind) {
            Err(ErrorKind::PermissionDenied) => open_up(path),
            Err(ErrorKind::DirectoryNotEmpty) => {}
            _ => break,
        }
        removed = fs::remove_dir_all(path);
    }
    match removed {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, cause)),
        _ => Ok(()),
    }
}

/// Lets us write in every directory of the tree. No link is followed.
fn open_up(path: &Path) {
    // A directory that cannot be listed is opened now and listed by the next try.
    let entries = WalkDir::new(path).into_iter().flatten();
    for directory in entries.filter(|entry| entry.file_type().is_dir()) {
        // The removal reports what stays closed.
        let _open = fs::set_permissions(directory.path(), Permissions::from_mode(0o700));
    }
}
