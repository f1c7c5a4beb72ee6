//! Removes a tree that a job has made, also directories that it closed to writing.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{Error, Result};

/// How often a removal is tried while somebody still writes there.
const TRIES: usize = 5;

/// Removes `path` with all that is below it; one that is not there is what is wanted.
pub(crate) fn tree(path: &Path) -> Result<()> {
    let mut removed = fs::remove_dir_all(path);
    for _ in 1..TRIES {
        removed = match removed.as_ref().map_err(io::Error::kind) {
            Err(io::ErrorKind::PermissionDenied) => {
                open_up(path).and_then(|()| fs::remove_dir_all(path))
            }
            Err(io::ErrorKind::DirectoryNotEmpty) => fs::remove_dir_all(path),
            _ => break,
        };
    }
    match removed {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path, cause))
        }
        _ => Ok(()),
    }
}

/// Lets us write in every directory of the tree. No link is followed.
fn open_up(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}
