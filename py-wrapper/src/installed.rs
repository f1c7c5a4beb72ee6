//! The lists of installed files stay true: pure edits of `RECORD` and `installed-files.txt`.
//!
//! `RECORD` is CSV with the columns path, hash and size ("Recording installed projects" of the Python
//! packaging specifications); `installed-files.txt` has one path a line. Paths are absolute or relative:
//! in `RECORD` to the directory that holds the `.dist-info`, in the other to the `.egg-info` itself.
//! Lines that name no wrapped script come back byte for byte.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::layout::{normal, relative};

/// Which of the two a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `NAME.dist-info/RECORD`.
    Record,
    /// `NAME.egg-info/installed-files.txt`.
    InstalledFiles,
}

impl Form {
    /// The list that a directory of this name holds.
    pub(crate) fn of(directory: &[u8]) -> Option<Self> {
        if directory.ends_with(b".dist-info") {
            Some(Self::Record)
        } else if directory.ends_with(b".egg-info") {
            Some(Self::InstalledFiles)
        } else {
            None
        }
    }

    /// The name of the list's file.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Record => "RECORD",
            Self::InstalledFiles => "installed-files.txt",
        }
    }
}

/// A list as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) form: Form,
    /// The `.dist-info` or `.egg-info` as the installed system sees it.
    pub(crate) directory: PathBuf,
    pub(crate) content: Vec<u8>,
    /// The temporary name that it has because a killed run took its own away.
    pub(crate) lost: Option<OsString>,
    /// Other temporary names that a killed run left beside it.
    pub(crate) stale: Vec<OsString>,
}

/// The hash and size columns of a file; empty for a symlink, which has no content of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sum(String);

impl Sum {
    /// Of a file with this content.
    pub(crate) fn of(content: &[u8]) -> Self {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
        Self(format!("sha256={hash},{}", content.len()))
    }

    fn columns(&self) -> &str {
        if self.0.is_empty() { "," } else { &self.0 }
    }
}

/// What became of a script: where it went, to more than one place when it was replicated, and the columns of
/// all files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) scripts: Vec<(PathBuf, Sum)>,
    pub(crate) wrapper_sum: Sum,
}

/// The scripts that were moved, by the path that the wrapper has now.
pub(crate) type Moves = BTreeMap<PathBuf, Moved>;

/// The list after the moves; nothing where it names none of the scripts.
pub(crate) fn updated(list: &List, moves: &Moves) -> Option<Vec<u8>> {
    let base = match list.form {
        Form::Record => list.directory.parent()?,
        Form::InstalledFiles => &list.directory,
    };
    let lines = lines(&list.content, list.form);
    let place = |line: &[u8]| normal(&base.join(OsStr::from_bytes(&path_of(line, list.form))));
    let places: Vec<PathBuf> = lines.iter().map(|line| place(line)).collect();
    let known: HashSet<&PathBuf> = places.iter().collect();
    let mut new = Vec::new();
    let mut touched = false;
    for (line, place) in lines.iter().zip(&places) {
        let Some(done) = moves.get(place) else {
            new.extend_from_slice(line);
            continue;
        };
        touched = true;
        let column = column(line, list.form);
        let ending = ending(line);
        row(&mut new, column, &done.wrapper_sum, list.form, ending);
        let is_absolute = path_of(line, list.form).starts_with(b"/");
        for (script, sum) in done.scripts.iter().filter(|(s, _)| !known.contains(s)) {
            let script = if is_absolute {
                script.clone()
            } else {
                relative(base, script)
            };
            let column = quoted(script.as_os_str().as_bytes(), list.form);
            row(&mut new, &column, sum, list.form, ending);
        }
    }
    touched.then_some(new)
}

/// The lines with their ends; a newline between quotes is part of a path.
fn lines(content: &[u8], form: Form) -> Vec<&[u8]> {
    let mut in_quotes = false;
    content
        .split_inclusive(|&b| {
            in_quotes ^= b == b'"' && form == Form::Record;
            b == b'\n' && !in_quotes
        })
        .collect()
}

fn row(new: &mut Vec<u8>, path: &[u8], sum: &Sum, form: Form, ending: &[u8]) {
    new.extend_from_slice(path);
    if form == Form::Record {
        new.push(b',');
        new.extend_from_slice(sum.columns().as_bytes());
    }
    new.extend_from_slice(ending);
}

fn ending(line: &[u8]) -> &[u8] {
    if line.ends_with(b"\r\n") {
        b"\r\n"
    } else {
        b"\n"
    }
}

/// The first column with its quotes, as the line has it.
fn column(line: &[u8], form: Form) -> &[u8] {
    let line = line.trim_ascii_end();
    if form == Form::InstalledFiles {
        return line;
    }
    let mut in_quotes = false;
    let end = line.iter().position(|&b| {
        in_quotes ^= b == b'"';
        b == b',' && !in_quotes
    });
    &line[..end.unwrap_or(line.len())]
}

/// The first column without quotes: `"a ""b"""` is `a "b"`.
fn path_of(line: &[u8], form: Form) -> Vec<u8> {
    let column = column(line, form);
    let inner = column
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    match inner {
        Some(inner) if form == Form::Record => {
            let mut plain = Vec::new();
            let mut doubled = false;
            for &byte in inner {
                doubled = byte == b'"' && !doubled;
                if !doubled {
                    plain.push(byte);
                }
            }
            plain
        }
        _ => column.to_vec(),
    }
}

/// A column in quotes where CSV wants them.
fn quoted(path: &[u8], form: Form) -> Vec<u8> {
    if form == Form::InstalledFiles || !path.iter().any(|b| b",\"\r\n".contains(b)) {
        return path.to_vec();
    }
    let mut column = vec![b'"'];
    for &byte in path {
        column.push(byte);
        if byte == b'"' {
            column.push(byte);
        }
    }
    column.push(b'"');
    column
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moves() -> Moves {
        ["foo", "a,b"]
            .map(|name| {
                let moved = Moved {
                    scripts: vec![(
                        format!("/usr/lib/python-exec/python3.12/{name}").into(),
                        Sum::of(b"script"),
                    )],
                    wrapper_sum: Sum::of(b""),
                };
                (format!("/usr/bin/{name}").into(), moved)
            })
            .into()
    }

    fn update(form: Form, directory: &str, content: &str) -> Option<String> {
        let list = List {
            form,
            directory: directory.into(),
            content: content.into(),
            lost: None,
            stale: Vec::new(),
        };
        updated(&list, &moves()).map(|new| String::from_utf8(new).unwrap())
    }

    const SITE: &str = "/usr/lib/python3.12/site-packages/x.dist-info";
    const EMPTY: &str = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0";
    const SCRIPT: &str = "sha256=IaAnC39moeTCWTPxOh5aG7tHV1eAcpMMgYkTH5xqquE,6";

    #[test]
    fn a_record_names_the_wrapper_and_the_script() {
        let record = "x/a.py,sha256=x,1\n../../../bin/foo,sha256=old,9\nx.dist-info/RECORD,,\n";
        assert_eq!(
            update(Form::Record, SITE, record).unwrap(),
            format!(
                "x/a.py,sha256=x,1\n../../../bin/foo,{EMPTY}\n\
                 ../../python-exec/python3.12/foo,{SCRIPT}\nx.dist-info/RECORD,,\n"
            )
        );
    }

    #[test]
    fn quotes_line_ends_and_absolute_paths_stay_as_they_are() {
        let record = "\"../../../bin/a,b\",,\r\n\"x\n../../../bin/foo\",,\r\n/usr/bin/foo,,\r\n";
        assert_eq!(
            update(Form::Record, SITE, record).unwrap(),
            format!(
                "\"../../../bin/a,b\",{EMPTY}\r\n\
                 \"../../python-exec/python3.12/a,b\",{SCRIPT}\r\n\
                 \"x\n../../../bin/foo\",,\r\n\
                 /usr/bin/foo,{EMPTY}\r\n/usr/lib/python-exec/python3.12/foo,{SCRIPT}\r\n"
            )
        );
    }

    #[test]
    fn a_list_that_names_no_script_stays() {
        assert_eq!(update(Form::Record, SITE, "../../../bin/bar,,\n"), None);
        assert_eq!(update(Form::Record, SITE, ""), None);
    }

    #[test]
    fn a_script_that_is_named_already_is_not_named_twice() {
        let record = "../../../bin/foo,,\n../../python-exec/python3.12/foo,,\n";
        let new = update(Form::Record, SITE, record).unwrap();
        assert_eq!(new.matches("python-exec").count(), 1);
    }

    #[test]
    fn eggs_have_paths_alone() {
        let egg = "/usr/lib/python2.7/site-packages/x.egg-info";
        let list = "PKG-INFO\n../../../../bin/foo\n../x/a.py\n";
        assert_eq!(
            update(Form::InstalledFiles, egg, list).unwrap(),
            "PKG-INFO\n../../../../bin/foo\n../../../python-exec/python3.12/foo\n../x/a.py\n"
        );
    }
}
