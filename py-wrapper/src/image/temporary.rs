//! Temporary names: what they look like, and for which name one stands.
//!
//! `.py-wrapper.PID.N.new.NAME` takes the place of NAME. The two are exchanged, so afterwards it holds what NAME was.
//! `.py-wrapper.PID.N` replaces nothing.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// How every temporary name begins.
const PREFIX: &str = ".py-wrapper.";

/// The longest name that file systems take, in bytes (`NAME_MAX`).
const LONGEST: usize = 255;

/// The temporary name with this number of our own process.
pub(crate) fn numbered(number: usize) -> OsString {
    format!("{PREFIX}{}.{number}", std::process::id()).into()
}

/// The same with the name whose place it takes, if there is room for that.
pub(crate) fn replacing(number: usize, name: &OsStr) -> OsString {
    let plain = numbered(number);
    let mut whole = plain.clone();
    whole.push(".new.");
    whole.push(name);
    if whole.len() > LONGEST { plain } else { whole }
}

/// Whether a name is a temporary one.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    name.as_bytes().starts_with(PREFIX.as_bytes())
}

/// The name whose place a temporary one takes.
pub(crate) fn stands_for(temporary: &OsStr) -> Option<&OsStr> {
    let numbers = temporary.as_bytes().strip_prefix(PREFIX.as_bytes())?;
    let mut parts = numbers.splitn(4, |&b| b == b'.').skip(2);
    let is_new = parts.next()? == b"new";
    parts.next().filter(|_| is_new).map(OsStr::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_name_says_what_it_stands_for() {
        let name = OsStr::new("a.b.c");
        let temporary = replacing(7, name);
        assert!(is_temporary(&temporary));
        assert_eq!(stands_for(&temporary), Some(name));
        assert_eq!(stands_for(&numbered(7)), None);
        let long = "x".repeat(LONGEST);
        let temporary = replacing(7, OsStr::new(&long));
        assert_eq!(stands_for(&temporary), None);
        assert!(temporary.len() <= LONGEST);
    }
}
