//! A path in a buffer of its own: nothing is allocated.

use core::ffi::CStr;

/// The longest path that the kernel takes, its closing zero included (`PATH_MAX`).
pub(crate) const LONGEST: usize = 4096;

/// A path under construction. A path that is too long fails when it is used.
#[derive(Clone)]
pub(crate) struct Path {
    bytes: [u8; LONGEST],
    length: usize,
    overflowed: bool,
}

impl Path {
    /// The parts, one after the other.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut path = Self {
            bytes: [0; LONGEST],
            length: 0,
            overflowed: false,
        };
        for part in parts {
            path.push(part);
        }
        path
    }

    fn push(&mut self, part: &[u8]) {
        let end = self.length + part.len();
        // One byte stays for the closing zero.
        match self.bytes[..LONGEST - 1].get_mut(self.length..end) {
            Some(room) if !part.contains(&0) => {
                room.copy_from_slice(part);
                self.length = end;
            }
            _ => self.overflowed = true,
        }
    }

    /// The path for system calls; `None` if it is too long.
    pub(crate) fn c_str(&self) -> Option<&CStr> {
        let bytes = self.bytes.get(..=self.length)?;
        CStr::from_bytes_with_nul(bytes)
            .ok()
            .filter(|_| !self.overflowed)
    }

    /// The path without the closing zero.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// What follows the last slash.
pub(crate) fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or(path)
}

/// Everything up to the last slash, that slash included; empty if there is none.
pub(crate) fn directory(path: &[u8]) -> &[u8] {
    &path[..path.len() - base(path).len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_become_one_path() {
        let path = Path::of(&[b"/a", b"/", b"b"]);
        assert_eq!(path.c_str(), Some(c"/a/b"));
        assert_eq!(
            (base(path.as_bytes()), directory(path.as_bytes())),
            (&b"b"[..], &b"/a/"[..])
        );
        assert_eq!((base(b"b"), directory(b"b")), (&b"b"[..], &b""[..]));
    }

    #[test]
    fn what_is_too_long_is_no_path() {
        let long = [b'x'; LONGEST - 1];
        assert!(Path::of(&[&long]).c_str().is_some());
        assert!(Path::of(&[&long, b"y"]).c_str().is_none());
    }
}
