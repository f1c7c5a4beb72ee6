//! What a job is called: its variant, its `MULTIBUILD_ID`, the directory of the run that is its own.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use common::{Error, Result};

/// `MULTIBUILD_ID`: the variant, after the id of the run that this one is nested in.
pub(crate) fn id(parent: Option<&OsStr>, variant: &OsStr) -> OsString {
    match parent {
        Some(parent) => {
            let mut id = parent.to_owned();
            id.push("-");
            id.push(variant);
            id
        }
        None => variant.to_owned(),
    }
}

/// Accepts a word as a variant: it becomes part of file names.
pub(crate) fn check(variant: &OsStr) -> Result<()> {
    if variant.as_bytes().contains(&b'/') {
        let cause = "a variant names files, and a file's name holds no slash";
        return Err(Error::refused("use variant", variant, cause));
    }
    Ok(())
}

/// The name of a job's own directory: what could upset PATH, a shell or make is an underscore there, and
/// the job's number behind a plus, which no other name holds, keeps it apart from its siblings.
pub(crate) fn directory(id: &OsStr, number: usize) -> OsString {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let bytes = id.as_bytes();
    if bytes.iter().all(plain) && !bytes.starts_with(b".") && bytes.len() <= 100 {
        return id.to_owned();
    }
    let safe = bytes
        .iter()
        .take(100)
        .map(|byte| if plain(byte) { *byte } else { b'_' });
    let numbered = format!("+{number}.").into_bytes().into_iter().chain(safe);
    OsString::from_vec(numbered.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_ids_are_joined() {
        assert_eq!(id(None, OsStr::new("python3_12")), "python3_12");
        let parent = OsStr::new("abi_x86_64.amd64");
        assert_eq!(
            id(Some(parent), OsStr::new("python3_12")),
            "abi_x86_64.amd64-python3_12"
        );
    }

    #[test]
    fn a_directory_is_safe_in_path() {
        assert_eq!(directory(OsStr::new("abi_x86_32.x86"), 3), "abi_x86_32.x86");
        assert_eq!(directory(OsStr::new("a:b c"), 3), "+3.a_b_c");
        assert_eq!(directory(OsStr::new(".."), 0), "+0...");
        assert_ne!(
            directory(OsStr::new("a:b"), 0),
            directory(OsStr::new("0.a_b"), 1)
        );
        assert!(check(OsStr::new("a/b")).is_err());
    }
}
