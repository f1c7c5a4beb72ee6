//! The temporary names of this program.

use std::ffi::{CStr, CString};
use std::hash::{BuildHasher, Hasher, RandomState};

use common::fs::Dir;
use rustix::io::{Errno, Result};

const PREFIX: &str = ".img-merge-";
const DIGITS: usize = 16;

/// A file of DEST that has no place any more gets a name with this prefix. No run removes it.
const KEPT: &str = ".img-merge-kept-";

/// Whether `name` is a temporary name at the top of a file system: `.img-merge-` and sixteen hexadecimal digits.
pub(crate) fn is_ours(name: &CStr) -> bool {
    let digits = name.to_bytes().strip_prefix(PREFIX.as_bytes());
    digits.is_some_and(|digits| {
        let is_digit = |d: &u8| d.is_ascii_digit() || (b'a'..=b'f').contains(d);
        digits.len() == DIGITS && digits.iter().all(is_digit)
    })
}

/// A temporary name that is free.
pub(crate) fn new_name() -> CString {
    random(PREFIX)
}

/// A name that no run removes.
pub(crate) fn kept_name() -> CString {
    random(KEPT)
}

fn random(prefix: &str) -> CString {
    let random = RandomState::new().build_hasher().finish();
    CString::new(format!("{prefix}{random:0DIGITS$x}")).unwrap_or_default()
}

/// The temporary names in `dir`, sorted.
pub(crate) fn ours_in(dir: &Dir) -> Result<Vec<CString>> {
    let mut names = Vec::new();
    dir.for_each::<Errno>(|name, _, _| {
        if is_ours(name) {
            names.push(name.to_owned());
        }
        Ok(())
    })?;
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_are_ours() {
        assert!(is_ours(&new_name()));
        assert!(is_ours(c".img-merge-0123456789abcdef"));
        for other in [
            c".img-merge-",
            c".img-merge-0123456789abcde",
            c".img-merge-0123456789abcdeF",
            c".img-merge-0123456789abcdef0",
            c"img-merge-0123456789abcdef",
        ] {
            assert!(!is_ours(other), "{other:?}");
        }
    }
}
