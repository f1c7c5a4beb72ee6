//! What MAKEFLAGS says about a pool, and MAKEOPTS about its size. See the GNU make manual, 13.1.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::environment::makeflags as named;

/// The pool that MAKEFLAGS name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Auth {
    /// `fifo:PATH`: a fifo, or a character device that stands for one.
    Path(PathBuf),
    /// `R,W`: two descriptors that we inherited.
    Descriptors(i32, i32),
}

/// The last pool that is named, unless it is switched off.
pub(crate) fn auth(makeflags: &OsStr) -> Option<Auth> {
    match named::auth(makeflags) {
        named::Auth::Fifo(path) => Some(Auth::Path(path)),
        named::Auth::Descriptors(read, write) if read >= 0 && write >= 0 => {
            Some(Auth::Descriptors(read, write))
        }
        named::Auth::Descriptors(..) | named::Auth::None => None,
    }
}

/// How many slots the words of MAKEFLAGS or MAKEOPTS ask for: the last `-jN`, `-j N`, `--jobs=N`,
/// `--jobs N`; a bare `-j` has no bound.
pub(crate) fn jobs(words: &OsStr) -> Option<Jobs> {
    let words: Vec<&[u8]> = options(words).collect();
    let mut last = None;
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        let value = word.strip_prefix(b"--jobs=").or_else(|| {
            let short = word.strip_prefix(b"-j")?;
            Some(short)
        });
        match (value, *word) {
            (Some(b""), _) | (None, b"--jobs") => match words.get(at).and_then(|w| number(w)) {
                Some(n) => {
                    at += 1;
                    last = Some(Jobs::Bounded(n));
                }
                None => last = Some(Jobs::Unbounded),
            },
            (Some(value), _) => last = number(value).map(Jobs::Bounded).or(last),
            (None, _) => {}
        }
    }
    last
}

/// A number of jobs as make's words have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jobs {
    Bounded(NonZeroUsize),
    Unbounded,
}

/// The words up to `--`, behind which stand overrides of variables.
fn options(words: &OsStr) -> impl Iterator<Item = &[u8]> {
    let words = words.as_bytes().split(u8::is_ascii_whitespace);
    words.filter(|w| !w.is_empty()).take_while(|w| *w != b"--")
}

fn number(word: &[u8]) -> Option<NonZeroUsize> {
    let digits = word.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(word)
        .ok()
        .filter(|_| digits)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(flags: &str) -> Option<Auth> {
        auth(flags.as_ref())
    }

    #[test]
    fn the_last_pool_counts() {
        assert_eq!(of(""), None);
        assert_eq!(of("n -k -j4"), None);
        assert_eq!(
            of(" -j4 --jobserver-auth=3,4"),
            Some(Auth::Descriptors(3, 4))
        );
        assert_eq!(of("--jobserver-fds=3,4 -j"), Some(Auth::Descriptors(3, 4)));
        assert_eq!(
            of("--jobserver-auth=3,4 --jobserver-auth=fifo:/tmp/x"),
            Some(Auth::Path("/tmp/x".into()))
        );
        assert_eq!(
            of("--jobserver-auth=fifo:/a\\ b -k"),
            Some(Auth::Path("/a b".into()))
        );
        assert_eq!(of("--jobserver-auth=-2,-2"), None);
        assert_eq!(of("--jobserver-auth=3,4 --jobserver-auth=-2,-2"), None);
        assert_eq!(of("k -- A=--jobserver-auth=3,4"), None);
    }

    #[test]
    fn the_last_number_of_jobs_counts() {
        let of = |words: &str| jobs(words.as_ref());
        let bounded = |n| Some(Jobs::Bounded(NonZeroUsize::new(n).unwrap()));
        assert_eq!(of("-j4"), bounded(4));
        assert_eq!(of("-j 4 -l3"), bounded(4));
        assert_eq!(of("--jobs=3 --jobs 5"), bounded(5));
        assert_eq!(of("-j"), Some(Jobs::Unbounded));
        assert_eq!(of("-j -l3"), Some(Jobs::Unbounded));
        assert_eq!(of("-k"), None);
        assert_eq!(of("-j0"), None);
    }
}
