//! The words of MAKEFLAGS and its like: what they say of a pool and of its size, and how a pool is put into
//! them.
//!
//! The form is that of GNU make's manual, "Communicating Options to a Sub-make" and "POSIX Jobserver":
//! words separated by blanks, a backslash before a blank that belongs to a word; the first word may be
//! single letters without a dash; what follows ` -- ` are variables and stays as it is.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

const AUTH: [&[u8]; 2] = [b"--jobserver-auth=", b"--jobserver-fds="];

/// Where MAKEFLAGS say that the pool is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Auth {
    /// They name none.
    None,
    /// `fifo:PATH`.
    Fifo(PathBuf),
    /// `R,W`, inherited descriptors; negative where a make has switched its pool off.
    Descriptors(i32, i32),
}

/// A number of jobs as make's words have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jobs {
    Bounded(NonZeroUsize),
    Unbounded,
}

/// How a pool is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form<'a> {
    /// For make from 4.4 on, ninja, cargo, gcc.
    Fifo(&'a Path),
    /// The same for the environment where the make on PATH is older than 4.4: that make dies of the
    /// form `fifo:`. It takes options by their last spelling, abbreviations too, which the other clients
    /// do not know; so it finds a pool that is off, warns and goes on alone. (The script on the job's
    /// PATH gives it a pool; this is for who calls it by its absolute path.)
    FifoSparingOldMake(&'a Path),
    /// For make before 4.4: open descriptors.
    Descriptor(i32),
}

/// Which pool these flags name; the last one counts.
pub(crate) fn auth(flags: &OsStr) -> Auth {
    let options = words(flags.as_bytes()).take_while(|word| *word != b"--");
    let value = |word| {
        AUTH.iter()
            .find_map(|name| <[u8]>::strip_prefix(word, *name))
    };
    options
        .filter_map(value)
        .last()
        .and_then(auth_of)
        .unwrap_or(Auth::None)
}

fn auth_of(value: &[u8]) -> Option<Auth> {
    if let Some(path) = value.strip_prefix(b"fifo:") {
        let path = PathBuf::from(OsString::from_vec(unescaped(path)));
        return Some(Auth::Fifo(path));
    }
    let (read, write) = std::str::from_utf8(value).ok()?.split_once(',')?;
    Some(Auth::Descriptors(read.parse().ok()?, write.parse().ok()?))
}

/// How many jobs the words of MAKEFLAGS or MAKEOPTS ask for, by the last that says so; a bare `-j` has no
/// bound.
pub(crate) fn jobs(flags: &OsStr) -> Option<Jobs> {
    sorted(&split(flags.as_bytes()).0).1
}

/// These flags with the pool of `form` instead of whatever they said of jobs.
pub(crate) fn with_pool(flags: &OsStr, form: Form<'_>) -> OsString {
    // The name of the fifo needs no escapes: the run's directory has a plain name.
    let named = |fifo: &Path| [b"-j --jobserver-auth=fifo:", fifo.as_os_str().as_bytes()].concat();
    let auth = match form {
        Form::Fifo(fifo) => named(fifo),
        Form::FifoSparingOldMake(fifo) => [&named(fifo), &b" --jobserver-f=-2,-2"[..]].concat(),
        Form::Descriptor(fd) => format!("-j --jobserver-auth={fd},{fd}").into_bytes(),
    };
    let (options, variables) = split(flags.as_bytes());
    let (mut kept, _) = sorted(&options);
    // An empty first word tells make that there are no single letters.
    if kept
        .first()
        .is_none_or(|first| first.starts_with(b"-") || first.contains(&b'='))
    {
        kept.insert(0, Vec::new());
    }
    kept.push(auth);
    joined(&kept, &variables)
}

/// These flags without a word on jobs: for MAKEOPTS, NINJAOPTS and MFLAGS.
pub(crate) fn without_jobs(flags: &OsStr) -> OsString {
    let (options, variables) = split(flags.as_bytes());
    joined(&sorted(&options).0, &variables)
}

fn joined(options: &[Vec<u8>], variables: &[u8]) -> OsString {
    let mut flags = options.join(&b' ');
    flags.extend_from_slice(variables);
    OsString::from_vec(flags)
}

/// The words before ` -- `, and the rest as it is.
fn split(flags: &[u8]) -> (Vec<&[u8]>, Vec<u8>) {
    let mut options: Vec<&[u8]> = Vec::new();
    for word in words(flags) {
        if word == b"--" {
            let from = word.as_ptr() as usize - flags.as_ptr() as usize;
            return (options, [b" ", &flags[from..]].concat());
        }
        options.push(word);
    }
    (options, Vec::new())
}

/// The words without `-j`, `-jN`, `-j N`, `--jobs`, `--jobs=N`, `--jobs N`, every spelling of a pool, and the
/// `j` among the letters of one word; and what the last of those asked for.
fn sorted(options: &[&[u8]]) -> (Vec<Vec<u8>>, Option<Jobs>) {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut jobs = None;
    let mut number_may_follow = false;
    for (at, word) in options.iter().enumerate() {
        let is_number = !word.is_empty() && word.iter().all(u8::is_ascii_digit);
        if std::mem::take(&mut number_may_follow) && is_number {
            jobs = bounded(word).or(jobs);
            continue;
        }
        if *word == b"--jobs" {
            number_may_follow = true;
            jobs = Some(Jobs::Unbounded);
            continue;
        }
        if let Some(number) = word.strip_prefix(b"--jobs=") {
            jobs = bounded(number).or(jobs);
            continue;
        }
        if word.starts_with(b"--jobserver-") {
            continue;
        }
        let without = match without_j(word) {
            Some((rest, b"")) => {
                number_may_follow = true;
                jobs = Some(Jobs::Unbounded);
                rest
            }
            Some((rest, number)) => {
                jobs = bounded(number).or(jobs);
                rest
            }
            None if at == 0 && word.iter().all(u8::is_ascii_alphabetic) => word
                .iter()
                .copied()
                .filter(|&letter| letter != b'j')
                .collect(),
            None => word.to_vec(),
        };
        if !without.is_empty() {
            kept.push(without);
        }
    }
    (kept, jobs)
}

/// make refuses a `-j0`: it asks for nothing.
fn bounded(number: &[u8]) -> Option<Jobs> {
    let digits = number.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(number).ok().filter(|_| digits)?;
    number.parse().ok().map(Jobs::Bounded)
}

/// What is left of `-kj8` and its like without the `j` and its number, and that number; it may be empty,
/// and the next word be it.
fn without_j(word: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let letters = word.strip_prefix(b"-").filter(|it| !it.starts_with(b"-"))?;
    // Behind a letter that takes a value there are no more letters.
    let valued = letters
        .iter()
        .position(|letter| b"CEfIloOW".contains(letter));
    let at = letters.iter().position(|&letter| letter == b'j')?;
    let number = &letters[at + 1..];
    if valued.is_some_and(|valued| valued < at) || !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let rest = if at == 0 {
        Vec::new()
    } else {
        word[..=at].to_vec()
    };
    Some((rest, number))
}

/// The words, with their backslashes.
fn words(flags: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = flags;
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        let mut end = 0;
        while end < rest.len() && !rest[end].is_ascii_whitespace() {
            end += if rest[end] == b'\\' { 2 } else { 1 };
        }
        let (word, after) = rest.split_at(end.min(rest.len()));
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut bytes = word.iter().copied();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(if byte == b'\\' {
            bytes.next().unwrap_or(byte)
        } else {
            byte
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(flags: &str) -> String {
        let flags = with_pool(OsStr::new(flags), Form::Fifo(Path::new("/f")));
        flags.into_string().unwrap()
    }

    #[test]
    fn the_users_words_survive_and_job_words_go() {
        const POOL: &str = "-j --jobserver-auth=fifo:/f";
        for (flags, kept) in [
            ("", ""),
            ("ks", "ks"),
            ("kjs -j4", "ks"),
            (
                " -j4 --jobserver-auth=3,4 -l 2 --no-print-directory",
                " -l 2 --no-print-directory",
            ),
            (" -j 4 --jobs 5 --jobs=6 -j -k", " -k"),
            ("V=1 -j8", " V=1"),
            (r"CFLAGS=-O2\ -j3 -k", r" CFLAGS=-O2\ -j3 -k"),
            ("--jobserver-fds=3,4 -j", ""),
        ] {
            assert_eq!(pooled(flags), format!("{kept} {POOL}"), "{flags:?}");
        }
        assert_eq!(
            pooled("w -j4 --jobserver-auth=3,4 -- CC=gcc\\ -j4 V=1"),
            format!("w {POOL} -- CC=gcc\\ -j4 V=1")
        );
    }

    #[test]
    fn other_lists_lose_their_job_words_only() {
        let without = |flags: &str| without_jobs(OsStr::new(flags)).into_string().unwrap();
        assert_eq!(without("-j8 -l9"), "-l9");
        assert_eq!(without("--jobs 3 -k"), "-k");
        assert_eq!(without("-j"), "");
        assert_eq!(without("-v -j 2"), "-v");
        assert_eq!(
            without("-kj8 -sj 4 -Wj3 -fj --no-j --debug=j -j2k"),
            "-k -s -Wj3 -fj --no-j --debug=j -j2k"
        );
    }

    #[test]
    fn the_last_number_of_jobs_counts() {
        let of = |words: &str| jobs(OsStr::new(words));
        let bounded = |n| Some(Jobs::Bounded(NonZeroUsize::new(n).unwrap()));
        assert_eq!(of("-j4"), bounded(4));
        assert_eq!(of("-j 4 -l3"), bounded(4));
        assert_eq!(of("--jobs=3 --jobs 5"), bounded(5));
        assert_eq!(of("-kj8"), bounded(8));
        assert_eq!(of("-sj 4"), bounded(4));
        assert_eq!(of("ks -j4 --jobserver-auth=3,4"), bounded(4));
        assert_eq!(of("-j4 -kj"), Some(Jobs::Unbounded));
        assert_eq!(of("-j"), Some(Jobs::Unbounded));
        assert_eq!(of("-j -l3"), Some(Jobs::Unbounded));
        assert_eq!(of("-j4 --jobs=x"), bounded(4));
        assert_eq!(of("-k"), None);
        assert_eq!(of("-j0"), None);
        assert_eq!(of("-Wj3 -fj --no-j -j2k"), None);
        assert_eq!(of("-k -- A=-j3"), None);
    }

    #[test]
    fn the_last_pool_counts() {
        let auth = |flags: &str| auth(OsStr::new(flags));
        assert_eq!(auth(""), Auth::None);
        assert_eq!(auth("--jobserver-fds=3,4 -j"), Auth::Descriptors(3, 4));
        assert_eq!(
            auth("--jobserver-auth=3,4 --jobserver-auth=fifo:/tmp/x"),
            Auth::Fifo("/tmp/x".into())
        );
        assert_eq!(
            auth("--jobserver-auth=3,4 --jobserver-auth=-2,-2"),
            Auth::Descriptors(-2, -2)
        );
        assert_eq!(auth("k -- A=--jobserver-auth=3,4"), Auth::None);
        assert_eq!(auth(" -j --jobserver-auth=3,4"), Auth::Descriptors(3, 4));
        assert_eq!(
            auth("--jobserver-auth=3,4 --jobserver-fds=-2,-2"),
            Auth::Descriptors(-2, -2)
        );
        assert_eq!(
            auth("w -j2 --jobserver-auth=fifo:/a\\ b"),
            Auth::Fifo("/a b".into())
        );
        assert_eq!(auth("k -j8"), Auth::None);
        assert_eq!(auth(" -- X=1 --jobserver-auth=3,4"), Auth::None);
        assert_eq!(auth("--jobserver-auth=x,y"), Auth::None);
    }

    #[test]
    fn each_form_is_written_as_its_reader_wants_it() {
        let write = |form| with_pool(OsStr::new("k"), form).into_string().unwrap();
        assert_eq!(
            write(Form::Descriptor(200)),
            "k -j --jobserver-auth=200,200"
        );
        assert_eq!(
            write(Form::Fifo(Path::new("/a-b"))),
            "k -j --jobserver-auth=fifo:/a-b"
        );
    }
}
