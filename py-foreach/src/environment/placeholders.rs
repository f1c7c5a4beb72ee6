//! The placeholders in the words of COMMAND: `{interpreter}`, `{version}`, `{build_dir}` and `{destdir}` are replaced,
//! as Debian's pybuild has it. Nothing else in braces is touched, and `${version}` is the shell's.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use common::{Error, Result};

/// What stands for the image in a word.
const DESTDIR: &str = "{destdir}";

/// The values of the placeholders in one job; `None` if the job has no such value.
#[derive(Debug, Default)]
pub(crate) struct Names<'a> {
    pub(crate) interpreter: Option<&'a OsStr>,
    pub(crate) version: Option<&'a OsStr>,
    pub(crate) build_dir: Option<&'a OsStr>,
    pub(crate) destdir: Option<&'a OsStr>,
}

impl<'a> Names<'a> {
    fn pairs(&self) -> [(&'static str, Option<&'a OsStr>, &'static str); 4] {
        [
            (
                "{interpreter}",
                self.interpreter,
                "a variant has no interpreter",
            ),
            ("{version}", self.version, "a variant has no version"),
            (
                "{build_dir}",
                self.build_dir,
                "there is none: give -b or --copy-sources",
            ),
            (DESTDIR, self.destdir, "there is none: give --images"),
        ]
    }
}

/// Whether a word names the image itself, so that it need not be in the environment.
pub(crate) fn name_destdir(words: &[OsString]) -> bool {
    words.iter().any(|word| {
        let bytes = word.as_bytes();
        let names = |at: usize| name_at(bytes, at) && bytes[at..].starts_with(DESTDIR.as_bytes());
        (0..bytes.len()).any(names)
    })
}

/// Whether a name of ours may begin at `at`: at a brace that is not a shell's `${`.
fn name_at(word: &[u8], at: usize) -> bool {
    word[at] == b'{' && (at == 0 || word[at - 1] != b'$')
}

/// The words with their names replaced.
///
/// # Errors
/// A name that stands for nothing here.
pub(crate) fn replaced(words: &[OsString], names: &Names<'_>) -> Result<Vec<OsString>> {
    words.iter().map(|word| replaced_in(word, names)).collect()
}

fn replaced_in(word: &OsStr, names: &Names<'_>) -> Result<OsString> {
    let bytes = word.as_bytes();
    let mut whole = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let pairs = names.pairs();
        let here = |name: &str| name_at(bytes, at) && bytes[at..].starts_with(name.as_bytes());
        match pairs.iter().find(|(name, ..)| here(name)) {
            Some((name, Some(value), _)) => {
                whole.extend_from_slice(value.as_bytes());
                at += name.len();
            }
            Some((name, None, why)) => return Err(Error::refused("replace", *name, *why)),
            None => {
                whole.push(bytes[at]);
                at += 1;
            }
        }
    }
    Ok(OsString::from_vec(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn names_are_replaced_and_other_braces_stay() {
        let names = Names {
            interpreter: Some(OsStr::new("python3.12")),
            version: Some(OsStr::new("{destdir}")),
            destdir: Some(OsStr::new("/i/{version}")),
            ..Names::default()
        };
        let before = words(&[
            "{interpreter}",
            "--root={destdir}",
            "{}",
            "{x}{{version}}",
            "${HOME} ${version}",
        ]);
        let after = replaced(&before, &names).unwrap();
        assert_eq!(
            after,
            words(&[
                "python3.12",
                "--root=/i/{version}",
                "{}",
                "{x}{{destdir}}",
                "${HOME} ${version}"
            ])
        );
        assert!(name_destdir(&before) && !name_destdir(&words(&["{dest", "dir}", "${destdir}"])));
    }

    #[test]
    fn a_name_for_nothing_is_an_error() {
        let refused = replaced(&words(&["cmake", "-B{build_dir}"]), &Names::default()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "replace {build_dir}: there is none: give -b or --copy-sources"
        );
    }
}
