//! JSON Lines for `--json`: one object for each action, each with `"schema": 1`.

use std::io::{BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Map;

pub use serde_json::Value;

use crate::outputs::Output;
use crate::{Error, Result};

/// The version of the objects. It grows when a change would mislead a reader of the old version.
const SCHEMA: u64 = 1;

/// An object under construction.
///
/// The keys of the tools' objects are in their man pages.
#[derive(Debug, Clone, Default)]
pub struct Object(Map<String, Value>);

impl Object {
    /// An object that holds only its schema.
    #[must_use]
    pub fn new() -> Self {
        let mut object = Map::new();
        object.insert("schema".to_owned(), SCHEMA.into());
        Self(object)
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a path: under `key` if it is UTF-8, else in base64 under `key_b64`.
    #[must_use]
    pub fn with_path(mut self, key: &str, path: &Path) -> Self {
        match path.to_str() {
            Some(text) => self.0.insert(key.to_owned(), text.into()),
            None => {
                let encoded = STANDARD.encode(path.as_os_str().as_bytes());
                self.0.insert(format!("{key}_b64"), encoded.into())
            }
        };
        self
    }

    /// The object as a JSON value, to nest it in another.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

/// A file of JSON Lines.
#[derive(Debug)]
pub struct Lines {
    out: BufWriter<Output>,
    path: PathBuf,
}

impl Lines {
    /// Opens the file; see [`Output`].
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self {
            out: BufWriter::new(Output::open(path)?),
            path: path.to_owned(),
        })
    }

    /// Writes one object as one line.
    pub fn write(&mut self, object: Object) -> Result<()> {
        writeln!(self.out, "{}", object.into_value()).map_err(|c| Error::io("write", &self.path, c))
    }

    /// Writes the buffered objects, so that a signal cannot lose them.
    pub fn flush(&mut self) -> Result<()> {
        self.out
            .flush()
            .map_err(|cause| Error::io("write", &self.path, cause))
    }

    /// The same at the end. A full disk shows here.
    pub fn finish(mut self) -> Result<()> {
        self.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn a_path_that_is_not_utf8_is_in_base64() {
        let odd = Path::new(OsStr::from_bytes(b"a\xff"));
        let object = Object::new().with_path("path", odd).with("n", 2);
        assert_eq!(
            object.into_value().to_string(),
            r#"{"n":2,"path_b64":"Yf8=","schema":1}"#
        );
        let object = Object::new().with_path("path", Path::new("a\n"));
        assert_eq!(
            object.into_value().to_string(),
            r#"{"path":"a\n","schema":1}"#
        );
    }
}
