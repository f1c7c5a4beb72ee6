//! The images of a run (`--images`): an own empty directory for each implementation.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::{Error, Result};

/// The whole path of the directory that the images are to lie in.
///
/// # Errors
/// A path that no record can name: found before anything is built, and not when it is to be handed on.
pub(super) fn place(directory: &Path) -> Result<PathBuf> {
    let whole = std::path::absolute(directory)
        .map_err(|cause| Error::io("use image directory", directory, cause))?;
    let bytes = whole.as_os_str().as_bytes();
    if bytes.iter().any(|byte| matches!(byte, b'\t' | b'\n')) {
        let cause = "a tab or newline cannot be in a record";
        return Err(Error::refused("use image directory", whole, cause));
    }
    Ok(whole)
}

/// Makes each of these directories.
///
/// # Errors
/// One that exists and is not empty, and what the system refuses: all of them. Then nothing that was made
/// here is left.
pub(super) fn make(paths: &[&Path]) -> Result<(), Vec<Error>> {
    let mut made = Made::default();
    let errors: Vec<Error> = paths
        .iter()
        .filter_map(|path| made.make(path).err())
        .collect();
    if errors.is_empty() {
        made.keep();
        Ok(())
    } else {
        Err(errors)
    }
}

/// Directories that go away again unless they are kept.
#[derive(Debug, Default)]
struct Made(Vec<PathBuf>);

impl Made {
    /// Makes an image, and what leads to it.
    fn make(&mut self, path: &Path) -> Result<()> {
        if let Some(parent) = path.parent() {
            self.lead_to(parent)?;
        }
        match fs::create_dir(path) {
            Ok(()) => self.0.push(path.to_owned()),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => return is_empty(path),
            Err(cause) => return Err(failed(path, cause)),
        }
        Ok(())
    }

    /// Makes a directory that may be there already.
    fn lead_to(&mut self, path: &Path) -> Result<()> {
        let mut made = fs::create_dir(path);
        if made
            .as_ref()
            .is_err_and(|cause| cause.kind() == io::ErrorKind::NotFound)
        {
            if let Some(parent) = path.parent() {
                self.lead_to(parent)?;
                made = fs::create_dir(path);
            }
        }
        match made {
            Ok(()) => self.0.push(path.to_owned()),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(failed(path, cause)),
        }
        Ok(())
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in self.0.drain(..).rev() {
            // Whatever stands in the way now has been put there by somebody else.
            let _stays = fs::remove_dir(path);
        }
    }
}

fn is_empty(path: &Path) -> Result<()> {
    let mut entries = fs::read_dir(path).map_err(|cause| failed(path, cause))?;
    if entries.next().is_some() {
        return Err(Error::refused(
            "make image",
            path.as_os_str(),
            "is there already and is not empty",
        ));
    }
    Ok(())
}

fn failed(path: &Path, cause: io::Error) -> Error {
    Error::io("make image", path, cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::{lay, listing};

    fn make_below(root: &Path, names: &[&str]) -> Result<(), Vec<Error>> {
        let paths: Vec<PathBuf> = names.iter().map(|name| root.join(name)).collect();
        make(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>())
    }

    #[test]
    fn images_are_made_with_what_leads_to_them() {
        let scratch = test_support::scratch();
        let names = ["a/b/pypy3", "a/b/python3.12"];
        make_below(scratch.path(), &names).unwrap();
        assert_eq!(
            listing(scratch.path()),
            "a/ 755\na/b/ 755\na/b/pypy3/ 755\na/b/python3.12/ 755\n"
        );
        make_below(scratch.path(), &names).expect("an empty one may be there");
    }

    #[test]
    fn all_that_is_wrong_is_said_and_nothing_is_left() {
        let scratch = test_support::scratch();
        lay(
            scratch.path(),
            "b/pypy3/x 644 \"\"\nb/python3.12 644 \"\"\n",
        );
        let before = listing(scratch.path());
        let names = ["b/python3.11", "b/pypy3", "c/d", "b/python3.12"];
        let errors = make_below(scratch.path(), &names).unwrap_err();
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(
            errors[0]
                .to_string()
                .ends_with("b/pypy3: is there already and is not empty")
        );
        assert!(
            errors[1]
                .to_string()
                .ends_with("b/python3.12: not a directory")
        );
        assert_eq!(listing(scratch.path()), before);
        let refused = make(&[Path::new("/proc/nowhere/python3.12")]).unwrap_err();
        assert_eq!(
            refused[0].to_string(),
            "make image /proc/nowhere: no such file or directory"
        );
    }
}
