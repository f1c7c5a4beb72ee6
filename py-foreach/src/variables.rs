//! An environment as a value: read once, changed in pure code, handed to a job.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Variables by name, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Variables(BTreeMap<OsString, OsString>);

impl Variables {
    /// Those of this process.
    pub(crate) fn of_this_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// The value of `name`; an empty value counts as unset, as in make and pip.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        let value = self.0.get(OsStr::new(name)).map(OsString::as_os_str);
        value.filter(|value| !value.is_empty())
    }

    /// The same as a path.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.insert(name.into(), value.into());
    }

    /// Sets `name` unless it has a value.
    pub(crate) fn set_default(&mut self, name: &str, value: impl Into<OsString>) {
        if self.get(name).is_none() {
            self.set(name, value);
        }
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.0.remove(OsStr::new(name));
    }

    /// Puts `directory` before the directories of `name`.
    ///
    /// `directory` must hold no colon.
    pub(crate) fn prepend(&mut self, name: &str, directory: impl Into<OsString>) {
        let mut list = directory.into().into_vec();
        if let Some(old) = self.get(name) {
            list.push(b':');
            list.extend_from_slice(old.as_bytes());
        }
        self.set(name, OsString::from_vec(list));
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// What has to be set and unset to come from `base` to here.
    pub(crate) fn since<'a>(
        &'a self,
        base: &'a Self,
    ) -> impl Iterator<Item = (&'a OsStr, Option<&'a OsStr>)> {
        let gone = base.iter().filter(|(name, _)| !self.0.contains_key(*name));
        let set = self
            .iter()
            .filter(|(name, value)| base.0.get(*name).map(OsString::as_os_str) != Some(*value));
        gone.map(|(name, _)| (name, None))
            .chain(set.map(|(name, value)| (name, Some(value))))
    }
}

impl FromIterator<(OsString, OsString)> for Variables {
    fn from_iter<T: IntoIterator<Item = (OsString, OsString)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl From<Variables> for Vec<(OsString, OsString)> {
    fn from(variables: Variables) -> Self {
        variables.0.into_iter().collect()
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Variables {
    fn from(pairs: [(&str, &str); N]) -> Self {
        pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_comes_first() {
        let mut variables = Variables::from([("PATH", "/bin:/x"), ("EMPTY", "")]);
        variables.prepend("PATH", "/j");
        variables.prepend("EMPTY", "/j");
        assert_eq!(variables.get("PATH").unwrap(), "/j:/bin:/x");
        assert_eq!(variables.get("EMPTY").unwrap(), "/j");
    }

    #[test]
    fn what_changed_is_known() {
        let base = Variables::from([("A", "1"), ("B", "2"), ("C", "3")]);
        let mut now = base.clone();
        now.set("A", "9");
        now.unset("B");
        now.set("D", "");
        let changes: Vec<_> = now.since(&base).collect();
        let expected = [("B", None), ("A", Some("9")), ("D", Some(""))];
        let expected: Vec<_> = expected
            .iter()
            .map(|(n, v)| (OsStr::new(n), v.map(OsStr::new)))
            .collect();
        assert_eq!(changes, expected);
    }
}
