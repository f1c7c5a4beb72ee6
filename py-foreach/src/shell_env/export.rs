//! What the functions made of the exported variables, as a file that the caller sources.
//!
//! Jobs start from the same variables and know nothing of each other. So what each of them *changed* is
//! written, in declared order: an element that two of them changed has the later one's value, an element
//! that none of them changed stays the caller's, and what they added to an indexed array comes one after the
//! other, as from a loop. A function that returned counts, whatever its status, as in a loop;
//! one that ended its shell, or was ended, has nothing to give. An array that lost elements, or a
//! variable that became another kind, is set whole.
//!
//! The file may be sourced inside a function: it declares nothing but associative arrays that are new.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use common::{Error, Result};

use super::declare::{self, Value};
use super::names::{How, Name};
use crate::words::quoted;

/// The dump of the variables as FILE left them, in the job's directory.
pub(super) const BEFORE: &str = "before.declare";

/// The dump of the variables as the function left them.
pub(super) const AFTER: &str = "after.declare";

/// The last line of a dump.
pub(super) const WHOLE: &str = "whole";

/// The text of `--export-to`'s file; `directories` are the jobs', in declared order.
///
/// # Errors
/// A dump cannot be read, or one that a later one needs is cut.
pub(super) fn exported<'a>(
    exports: &[Name],
    directories: impl IntoIterator<Item = &'a Path>,
) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for directory in directories {
        if let Some(after) = read_dump(&directory.join(AFTER))? {
            let path = directory.join(BEFORE);
            let cut = || Error::refused("read", path.as_os_str(), "is cut");
            let before = read_dump(&path)?.ok_or_else(cut)?;
            for name in exports {
                let [before, after] = [&before, &after].map(|dump| dump.get(&name.variable));
                changes(name, before.unwrap_or(&Value::Nothing), after, &mut text);
            }
        }
    }
    Ok(text)
}

/// The variables of a dump; `None` if the shell ended before the dump was complete.
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

/// The commands that turn `before` into `after`.
fn changes(name: &Name, before: &Value, after: Option<&Value>, text: &mut Vec<u8>) {
    let mut script = Script {
        variable: &name.variable,
        text,
    };
    let (no_elements, no_keys) = (BTreeMap::new(), BTreeMap::new());
    match (before, after) {
        (Value::Nothing, None) | (_, Some(Value::Nothing)) => {}
        (_, None) => script.unset(),
        (same, Some(now)) if same == now => {}
        (Value::Scalar(old), Some(Value::Scalar(now))) => {
            match (name.how, now.strip_prefix(old.as_slice())) {
                (How::Append, Some(added)) => script.assign("+=", added),
                _ => script.assign("=", now),
            }
        }
        (Value::Indexed(old), Some(Value::Indexed(now))) if keeps_keys(old, now) => {
            script.add_elements(old, now);
        }
        (Value::Associative(old), Some(Value::Associative(now))) if keeps_keys(old, now) => {
            script.set_keys(old, now);
        }
        // As from a loop: a string that nobody had yet is made of what each job added.
        (Value::Nothing, Some(Value::Scalar(now))) if name.how == How::Append => {
            script.assign("+=", now);
        }
        (Value::Nothing, Some(Value::Indexed(now))) => {
            script.line(&[b"+=()"]);
            script.add_elements(&no_elements, now);
        }
        (Value::Nothing, Some(Value::Associative(now))) => script.set_keys(&no_keys, now),
        (_, Some(now)) => script.set_whole(before, now),
    }
}

/// Whether no element was taken away.
fn keeps_keys<K: Ord>(old: &BTreeMap<K, Vec<u8>>, now: &BTreeMap<K, Vec<u8>>) -> bool {
    old.keys().all(|key| now.contains_key(key))
}

/// The commands for one variable.
struct Script<'a> {
    variable: &'a str,
    text: &'a mut Vec<u8>,
}

impl Script<'_> {
    /// A command that begins with the variable's name.
    fn line(&mut self, parts: &[&[u8]]) {
        self.text.extend_from_slice(self.variable.as_bytes());
        self.text.extend(parts.concat());
        self.text.push(b'\n');
    }

    fn unset(&mut self) {
        self.text.extend_from_slice(b"builtin unset -v ");
        self.line(&[]);
    }

    fn assign(&mut self, operator: &str, value: &[u8]) {
        self.line(&[operator.as_bytes(), &quoted(OsStr::from_bytes(value))]);
    }

    /// `NAME+=([KEY]=VALUE)` sets one element, and keys of any bytes can be quoted.
    fn element(&mut self, key: &[u8], value: &[u8]) {
        self.line(&[b"+=([", key, b"]=", &quoted(OsStr::from_bytes(value)), b")"]);
    }

    /// Adds what was added, wherever the end is then: every job starts at the same index.
    fn add_elements(&mut self, old: &BTreeMap<u64, Vec<u8>>, now: &BTreeMap<u64, Vec<u8>>) {
        for (index, value) in now
            .iter()
            .filter(|(index, value)| old.get(index) != Some(value))
        {
            if old.contains_key(index) {
                self.element(index.to_string().as_bytes(), value);
            } else {
                self.line(&[b"+=(", &quoted(OsStr::from_bytes(value)), b")"]);
            }
        }
    }

    /// Sets the elements that are new or changed, in an associative array that may be new.
    fn set_keys(&mut self, old: &BTreeMap<Vec<u8>, Vec<u8>>, now: &BTreeMap<Vec<u8>, Vec<u8>>) {
        let variable = self.variable;
        let declared = format!(
            "[[ $(builtin declare -p {variable} 2>/dev/null) == declare\\ -A* ]] || builtin declare -gA "
        );
        self.text.extend(declared.bytes());
        self.line(&[]);
        if old.keys().any(|key| !now.contains_key(key)) {
            self.line(&[b"=()"]);
        }
        for (key, value) in now
            .iter()
            .filter(|(key, value)| old.get(*key) != Some(value))
        {
            self.element(&quoted(OsStr::from_bytes(key)), value);
        }
    }

    /// Sets the whole variable, which is no longer what it was: elements are gone, or it is of another kind.
    fn set_whole(&mut self, before: &Value, now: &Value) {
        let is_of_this_kind = std::mem::discriminant(before) == std::mem::discriminant(now);
        if !is_of_this_kind && *before != Value::Nothing {
            self.unset();
        }
        match (now, before) {
            (Value::Nothing, _) => {}
            (Value::Scalar(now) | Value::Number(now), _) => self.assign("=", now),
            (Value::Indexed(now), _) => {
                self.line(&[b"=()"]);
                for (index, value) in now {
                    self.element(index.to_string().as_bytes(), value);
                }
            }
            (Value::Associative(now), Value::Associative(old)) => {
                // Emptied first, so every element is new.
                let lost = old.iter().filter(|(key, _)| !now.contains_key(*key));
                let lost = lost
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                self.set_keys(&lost, now);
            }
            (Value::Associative(now), _) => self.set_keys(&BTreeMap::new(), now),
        }
    }
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
            ("A+", "", "declare -- A=\" 1\"\n", "A+=' 1'\n"),
            (
                "A+",
                "declare -- A=\"1\"\n",
                "declare -- A=\"2\"\n",
                "A='2'\n",
            ),
            ("A", "declare -- A=\"1\"\n", "", "builtin unset -v A\n"),
            (
                "A",
                "declare -a A=([0]=\"x\" [1]=\"y\")\n",
                "declare -a A=([0]=\"z\")\n",
                "A=()\nA+=([0]='z')\n",
            ),
            (
                "A",
                "declare -- A=\"x\"\n",
                "declare -a A=([2]=\"z\")\n",
                "builtin unset -v A\nA=()\nA+=([2]='z')\n",
            ),
            (
                "A",
                "declare -a A=([0]=\"x\")\n",
                "declare -- A=\"z\"\n",
                "builtin unset -v A\nA='z'\n",
            ),
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
