//! Keeps a `RECORD` true: a pure edit of its text.
//!
//! It is CSV with the columns path, hash and size ("Recording installed projects" of the Python packaging
//! specifications). A path is absolute, or relative to the directory that holds the `.dist-info`. Lines that name no
//! wrapped script come back byte for byte, so this is not done by a CSV library.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::layout::{normal, relative};

/// The columns hash and size of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sum(String);

impl Sum {
    /// Of a file with this content.
    pub(crate) fn of(content: &[u8]) -> Self {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
        Self(format!("sha256={hash},{}", content.len()))
    }

    /// Of a symlink, which has no content of its own.
    pub(crate) fn of_link() -> Self {
        Self(",".to_owned())
    }
}

/// Where a script went (to several places if it was replicated), and the columns of all files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) scripts: Vec<(PathBuf, Sum)>,
    pub(crate) wrapper: Sum,
}

/// The scripts that were moved, by the path that their wrapper has now.
pub(crate) type Moves = BTreeMap<PathBuf, Moved>;

/// The text after the moves; `None` if it names none of the scripts. `base` is the directory that holds the
/// `.dist-info`.
pub(crate) fn updated(content: &[u8], base: &Path, moves: &Moves) -> Option<Vec<u8>> {
    let rows = rows(content);
    let place = |row: &&[u8]| normal(&base.join(OsStr::from_bytes(&unquoted(path_column(row)))));
    let places: Vec<PathBuf> = rows.iter().map(place).collect();
    let known: HashSet<&PathBuf> = places.iter().collect();
    let mut new = Vec::new();
    let mut is_touched = false;
    for (row, place) in rows.iter().zip(&places) {
        let Some(places) = moves.get(place) else {
            new.extend_from_slice(row);
            continue;
        };
        is_touched = true;
        let column = path_column(row);
        let ending: &[u8] = if row.ends_with(b"\r\n") {
            b"\r\n"
        } else {
            b"\n"
        };
        let mut write = |path: &[u8], sum: &Sum| {
            new.extend_from_slice(&[path, b",", sum.0.as_bytes(), ending].concat());
        };
        write(column, &places.wrapper);
        let is_absolute = unquoted(column).starts_with(b"/");
        for (script, sum) in &places.scripts {
            let shown = if is_absolute {
                script.clone()
            } else {
                relative(base, script)
            };
            if !known.contains(script) {
                write(&quoted(shown.as_os_str().as_bytes()), sum);
            }
        }
    }
    is_touched.then_some(new)
}

/// The rows with their ends; a newline between quotes is part of a path.
fn rows(content: &[u8]) -> Vec<&[u8]> {
    let mut in_quotes = false;
    let is_end = |&b: &u8| {
        in_quotes ^= b == b'"';
        b == b'\n' && !in_quotes
    };
    content.split_inclusive(is_end).collect()
}

/// The first column as the row has it, with its quotes.
fn path_column(row: &[u8]) -> &[u8] {
    let row = row.trim_ascii_end();
    let mut in_quotes = false;
    let end = row.iter().position(|&b| {
        in_quotes ^= b == b'"';
        b == b',' && !in_quotes
    });
    &row[..end.unwrap_or(row.len())]
}

/// `"a ""b"""` is `a "b"`.
fn unquoted(column: &[u8]) -> Vec<u8> {
    let inner = column
        .strip_prefix(b"\"")
        .and_then(|c| c.strip_suffix(b"\""));
    let Some(inner) = inner else {
        return column.to_vec();
    };
    let mut is_second = false;
    let keep = |&&byte: &&u8| {
        is_second = byte == b'"' && !is_second;
        !is_second
    };
    inner.iter().filter(keep).copied().collect()
}

/// In quotes if CSV wants them.
fn quoted(path: &[u8]) -> Vec<u8> {
    if !path.iter().any(|b| b",\"\r\n".contains(b)) {
        return path.to_vec();
    }
    let inner = path
        .iter()
        .flat_map(|&byte| vec![byte; if byte == b'"' { 2 } else { 1 }]);
    [b'"'].into_iter().chain(inner).chain([b'"']).collect()
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
                    wrapper: Sum::of(b""),
                };
                (format!("/usr/bin/{name}").into(), moved)
            })
            .into()
    }

    fn update(content: &str) -> Option<String> {
        let new = updated(content.as_bytes(), Path::new(SITE), &moves());
        new.map(|new| String::from_utf8(new).unwrap())
    }

    const SITE: &str = "/usr/lib/python3.12/site-packages";
    const EMPTY: &str = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0";
    const SCRIPT: &str = "sha256=IaAnC39moeTCWTPxOh5aG7tHV1eAcpMMgYkTH5xqquE,6";

    #[test]
    fn a_record_names_the_wrapper_and_the_script() {
        let record = "x/a.py,sha256=x,1\n../../../bin/foo,sha256=old,9\nx.dist-info/RECORD,,\n";
        assert_eq!(
            update(record).unwrap(),
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
            update(record).unwrap(),
            format!(
                "\"../../../bin/a,b\",{EMPTY}\r\n\
                 \"../../python-exec/python3.12/a,b\",{SCRIPT}\r\n\
                 \"x\n../../../bin/foo\",,\r\n\
                 /usr/bin/foo,{EMPTY}\r\n/usr/lib/python-exec/python3.12/foo,{SCRIPT}\r\n"
            )
        );
    }

    #[test]
    fn a_record_that_names_no_script_is_not_changed() {
        assert_eq!(update("../../../bin/bar,,\n"), None);
        assert_eq!(update(""), None);
    }

    #[test]
    fn a_script_that_is_named_already_is_not_named_twice() {
        let record = "../../../bin/foo,,\n../../python-exec/python3.12/foo,,\n";
        let new = update(record).unwrap();
        assert_eq!(new.matches("python-exec").count(), 1);
    }
}
