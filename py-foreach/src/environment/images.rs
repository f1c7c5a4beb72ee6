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
/// A directory that exists and is not empty, and what the system refuses: all of them. Then nothing that was made
/// here is left.
pub(super) fn make(paths: &[&Path]) -> Result<(), Vec<Error>> {
    let mut errors: Vec<Error> = paths.iter().filter_map(|path| check(path).err()).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut made: Vec<&Path> = Vec::new();
    for path in paths {
        let missing = path.ancestors().take_while(|path| !path.exists());
        made.extend(missing.collect::<Vec<_>>().into_iter().rev());
        if let Err(cause) = fs::create_dir_all(path) {
            errors.push(Error::io("make image", path, cause));
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    for path in made.into_iter().rev() {
        // It was not made, or somebody else has put something there.
        let _stays = fs::remove_dir(path);
    }
    Err(errors)
}

/// An image may be missing, or an empty directory.
fn check(path: &Path) -> Result<()> {
    match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::refused(
            "make image",
            path,
            "is there already and is not empty",
        )),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(Error::io("make image", path, cause)),
    }
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
            "make image /proc/nowhere/python3.12: no such file or directory"
        );
    }
}
