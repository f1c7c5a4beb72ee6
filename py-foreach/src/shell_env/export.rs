//! What the functions made of the exported variables, as a file that the caller sources.
//!
//! Jobs start from the same variables and know nothing of each other. So what each of them *changed* is
//! written, in declared order: an element that two of them changed has the later one's value, an element
//! that none of them changed stays the caller's, and what they added to an indexed array comes one after the
//! other, as from a loop. A function that returned counts, whatever its status, as in a loop;
//! one that ended its shell, or was ended, has nothing to give. Elements that a job took away stay.
//!
//! The file may be sourced inside a function: it declares nothing but associative arrays that are new.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use common::{Error, Result};

use super::Shell;
use super::declare::{self, Value};
use super::names::{How, Name};
use crate::environment::commands::quoted;

/// The dump of the variables as FILE left them, in the job's directory.
pub(super) const BEFORE: &str = "before.declare";

/// The dump of the variables as the function left them.
pub(super) const AFTER: &str = "after.declare";

/// The last line of a dump.
pub(super) const WHOLE: &str = "whole";

/// Writes `--export-to`'s file; `directories` are the jobs', in declared order.
pub(crate) fn write<'a>(
    shell: &Shell,
    directories: impl IntoIterator<Item = &'a Path>,
) -> Result<()> {
    let Some(to) = &shell.to else { return Ok(()) };
    let mut text = Vec::new();
    for directory in directories {
        let before = read_dump(&directory.join(BEFORE))?.unwrap_or_default();
        if let Some(after) = read_dump(&directory.join(AFTER))? {
            for name in &shell.exports {
                let [before, after] = [&before, &after].map(|dump| dump.get(&name.variable));
                changes(name, before.unwrap_or(&Value::Nothing), after, &mut text);
            }
        }
    }
    fs::write(to, text).map_err(|cause| Error::io("write", to, cause))
}

/// The variables of a dump; nothing where the shell ended before it was whole.
fn read_dump(path: &Path) -> Result<Option<BTreeMap<String, Value>>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(Error::io("read", path, cause)),
    };
    let Some(dump) = text
        .strip_suffix(b"\n")
        .and_then(|t| t.strip_suffix(WHOLE.as_bytes()))
    else {
        return Ok(None);
    };
    let variables = declare::read(dump);
    let refused = || {
        Error::refused(
            "read",
            path.as_os_str(),
            "bash wrote what cannot be read back",
        )
    };
    variables.map(Some).ok_or_else(refused)
}

/// The commands that make of `before` what it is now.
fn changes(name: &Name, before: &Value, after: Option<&Value>, text: &mut Vec<u8>) {
    let variable = name.variable.as_str();
    match (before, after) {
        (Value::Nothing, None) => {}
        (_, None) => text.extend(format!("unset -v {variable}\n").bytes()),
        (same, Some(now)) if same == now => {}
        (_, Some(Value::Nothing)) => {}
        (Value::Scalar(old), Some(Value::Scalar(now))) if name.how == How::Append => {
            match now.strip_prefix(old.as_slice()) {
                Some(added) => assign(variable, "+=", added, text),
                None => assign(variable, "=", now, text),
            }
        }
        (_, Some(Value::Scalar(now))) => assign(variable, "=", now, text),
        (before, Some(Value::Indexed(now))) => {
            let none = BTreeMap::new();
            let old = if let Value::Indexed(old) = before {
                old
            } else {
                &none
            };
            indexed(variable, old, now, text);
        }
        (before, Some(Value::Associative(now))) => {
            let none = BTreeMap::new();
            let old = if let Value::Associative(old) = before {
                old
            } else {
                &none
            };
            let declared = format!(
                "[[ $(builtin declare -p {variable} 2>/dev/null) == declare\\ -A* ]] || builtin declare -gA {variable}\n"
            );
            text.extend(declared.bytes());
            for (key, value) in now
                .iter()
                .filter(|(key, value)| old.get(*key) != Some(value))
            {
                element(variable, &quoted(OsStr::from_bytes(key)), value, text);
            }
        }
    }
}

/// What was added is added again, wherever the end then is: every job starts at the same index.
fn indexed(
    variable: &str,
    old: &BTreeMap<u64, Vec<u8>>,
    now: &BTreeMap<u64, Vec<u8>>,
    text: &mut Vec<u8>,
) {
    if now.is_empty() {
        // An array that is new and empty.
        text.extend(format!("{variable}+=()\n").bytes());
    }
    for (index, value) in now
        .iter()
        .filter(|(index, value)| old.get(*index) != Some(value))
    {
        if old.contains_key(index) {
            element(variable, index.to_string().as_bytes(), value, text);
        } else {
            text.extend(format!("{variable}+=(").bytes());
            text.extend(quoted(OsStr::from_bytes(value)));
            text.extend_from_slice(b")\n");
        }
    }
}

fn assign(variable: &str, operator: &str, value: &[u8], text: &mut Vec<u8>) {
    let mut line = String::new();
    let _infallible = write!(line, "{variable}{operator}");
    text.extend(line.bytes());
    text.extend(quoted(OsStr::from_bytes(value)));
    text.push(b'\n');
}

/// `NAME+=([KEY]=VALUE)`: sets one element, and keys of any bytes can be quoted.
fn element(variable: &str, key: &[u8], value: &[u8], text: &mut Vec<u8>) {
    text.extend(format!("{variable}+=([").bytes());
    text.extend_from_slice(key);
    text.extend_from_slice(b"]=");
    text.extend(quoted(OsStr::from_bytes(value)));
    text.extend_from_slice(b")\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(word: &str, before: &str, after: &str) -> String {
        let name = Name::read(OsStr::new(word)).unwrap();
        let value = |dump: &str| declare::read(dump.as_bytes()).unwrap().into_values().next();
        let mut text = Vec::new();
        let before = value(before).unwrap_or(Value::Nothing);
        changes(&name, &before, value(after).as_ref(), &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn only_changes_are_written() {
        for (word, before, after, expected) in [
            ("A", "declare -- A=\"1\"\n", "declare -- A=\"1\"\n", ""),
            ("A", "", "declare -- A=\"it's\"\n", "A='it'\\''s'\n"),
            (
                "A+",
                "declare -- A=\"1\"\n",
                "declare -- A=\"1 2\"\n",
                "A+=' 2'\n",
            ),
            (
                "A+",
                "declare -- A=\"1\"\n",
                "declare -- A=\"2\"\n",
                "A='2'\n",
            ),
            ("A", "declare -- A=\"1\"\n", "", "unset -v A\n"),
            (
                "A",
                "declare -a A=([0]=\"x\" [1]=\"y\")\n",
                "declare -a A=([0]=\"x\" [1]=\"Y\" [2]=\"z\")\n",
                "A+=([1]='Y')\nA+=('z')\n",
            ),
            (
                "A+",
                "declare -a A=([0]=\"x\")\n",
                "declare -a A=([0]=\"x\" [1]=\"y\" [2]=\"\")\n",
                "A+=('y')\nA+=('')\n",
            ),
        ] {
            assert_eq!(
                text(word, before, after),
                expected,
                "{word} {before} {after}"
            );
        }
        let added = text(
            "A",
            "declare -A A=([k]=\"v\" )\n",
            "declare -A A=([k]=\"v\" [\"a b\"]=\"w\" )\n",
        );
        assert!(
            added.ends_with("declare -gA A\nA+=(['a b']='w')\n"),
            "{added}"
        );
    }
}
