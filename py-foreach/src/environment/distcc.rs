//! distcc as the compiler: how many slots it has, and how extensions are linked without it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::Command;

use common::{Error, Result};

use crate::ask::{Probes, ask};
use crate::discover::Facts;
use crate::variables::Variables;

/// Whether the compilers of these variables are distcc's.
pub(crate) fn is_used(variables: &Variables) -> bool {
    compiler_of(variables, "CC").is_some()
        || compiler_of(variables, "CXX").is_some()
        || variables.get("CCACHE_PREFIX").is_some_and(is_distcc)
}

/// The slots as `distcc -j` prints them; `None` if distcc is not used or prints nothing usable.
///
/// # Errors
/// It did not answer in time.
pub(crate) fn slots(variables: &Variables, probes: &Probes) -> Result<Option<usize>> {
    if !is_used(variables) {
        return Ok(None);
    }
    match ask(Command::new("distcc").arg("-j"), probes) {
        Ok(said) => Ok(said
            .status
            .success()
            .then(|| number(&said.stdout))
            .flatten()),
        Err(cause) if cause.kind() == io::ErrorKind::TimedOut => {
            Err(Error::io("ask", "distcc -j", cause))
        }
        Err(_not_there) => Ok(None),
    }
}

fn number(said: &[u8]) -> Option<usize> {
    let number = std::str::from_utf8(said).ok()?.trim().parse().ok()?;
    (number > 0).then_some(number)
}

/// Makes all jobs count their slots in one place, and link without distcc.
///
/// A link is no work that distcc can send away, it would only wait for distcc's local slots. The rest of
/// the interpreter's own linking words stays: they hold its library paths.
pub(crate) fn prepare(variables: &mut Variables, facts: Option<&Facts>) {
    if !is_used(variables) {
        return;
    }
    if let Some(home) = variables.path("HOME") {
        variables.set_default("DISTCC_DIR", home.join(".distcc"));
    }
    let Some(facts) = facts else { return };
    for (compiler, linker, words) in [
        ("CC", "LDSHARED", &facts.ldshared),
        ("CXX", "LDCXXSHARED", &facts.ldcxxshared),
    ] {
        let local = compiler_of(variables, compiler);
        if let Some(linking) = local.and_then(|local| with_compiler(&local, words)) {
            variables.set_default(linker, linking);
        }
    }
}

/// The words after distcc in `CC` or `CXX`; `None` without distcc.
fn compiler_of(variables: &Variables, name: &str) -> Option<OsString> {
    let value = variables.get(name)?.as_bytes();
    let words: Vec<&[u8]> = value
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .collect();
    let at = words
        .iter()
        .position(|word| is_distcc(OsStr::from_bytes(word)))?;
    let mut behind = words[at + 1..].to_vec();
    if behind.first().is_none_or(|word| word.starts_with(b"-")) {
        // Alone distcc calls this one.
        behind.insert(0, b"cc");
    }
    Some(OsString::from_vec(behind.join(&b' ')))
}

fn is_distcc(word: &OsStr) -> bool {
    Path::new(word).file_name() == Some(OsStr::new("distcc"))
}

/// The linking words with another compiler in the first one's place.
fn with_compiler(compiler: &OsStr, linking: &OsStr) -> Option<OsString> {
    let words = linking.as_bytes().trim_ascii();
    let first = words.iter().position(u8::is_ascii_whitespace)?;
    let mut whole = compiler.to_owned();
    whole.push(OsStr::from_bytes(&words[first..]));
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let mut facts = Facts::for_tests("python3.12");
        facts.ldshared = "gcc -pthread -shared -Wl,-rpath,/p/lib".into();
        facts
    }

    #[test]
    fn linking_keeps_the_interpreters_words() {
        let mut variables = Variables::from([("CC", "distcc gcc-12 -m32"), ("HOME", "/h")]);
        prepare(&mut variables, Some(&facts()));
        let linking = variables.get("LDSHARED").unwrap();
        assert_eq!(linking, "gcc-12 -m32 -pthread -shared -Wl,-rpath,/p/lib");
        assert_eq!(variables.get("LDCXXSHARED"), None);
        assert_eq!(variables.get("DISTCC_DIR").unwrap(), "/h/.distcc");
    }

    #[test]
    fn distcc_alone_is_distcc_and_links_with_cc() {
        for (given, linker) in [
            ("distcc", "cc -pthread"),
            ("distcc -m32", "cc -m32 -pthread"),
        ] {
            let mut variables = Variables::from([("CC", given)]);
            assert!(is_used(&variables));
            prepare(&mut variables, Some(&facts()));
            let linking = variables.get("LDSHARED").unwrap();
            assert_eq!(
                linking.to_str().unwrap(),
                format!("{linker} -shared -Wl,-rpath,/p/lib")
            );
        }
    }

    #[test]
    fn the_users_own_words_win_and_other_compilers_are_left_alone() {
        let mut variables = Variables::from([("CC", "/usr/bin/distcc gcc"), ("LDSHARED", "ld")]);
        prepare(&mut variables, Some(&facts()));
        assert_eq!(variables.get("LDSHARED").unwrap(), "ld");
        let mut variables = Variables::from([("CC", "gcc"), ("HOME", "/h")]);
        prepare(&mut variables, Some(&facts()));
        assert_eq!(variables, Variables::from([("CC", "gcc"), ("HOME", "/h")]));
        assert_eq!(slots(&variables, &Probes::default()).unwrap(), None);
    }
}
