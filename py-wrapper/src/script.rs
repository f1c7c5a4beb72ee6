//! Tells by its first lines whether a file is a script of an implementation, and rewrites them.
//!
//! `shebang` reads and writes the forms of first lines; here they get their meaning.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::Implementation;
use common::implementation::Family;

use crate::layout::Layout;
use crate::shebang::{self, NoShebang, Shebang};

/// What a file is to an implementation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// A script of this implementation, and how it begins after it is wrapped.
    Ours(Head),
    /// A script of another implementation, the name in its line, and how it would begin.
    Foreign(String, Head),
    /// No script to wrap, for this reason.
    Other(&'static str),
    /// A script of ours whose line cannot be rewritten, for this reason.
    Unfit(&'static str),
}

/// How the first lines of a script are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// How many bytes of the file are replaced.
    pub old: usize,
    /// The bytes that replace them.
    pub new: Vec<u8>,
    /// The interpreter that they name.
    pub interpreter: PathBuf,
}

/// Whose the name of an interpreter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// This implementation's own name.
    Exact,
    /// A name that several implementations share: `python3`, `python`.
    Generic,
    /// Another implementation's name.
    Foreign,
}

/// Classifies a file by its first bytes.
#[must_use]
pub fn classify(
    file: &[u8],
    implementation: &Implementation,
    layout: &Layout,
    image: &Path,
) -> Class {
    let shebang = match shebang::parse(file) {
        Ok(shebang) => shebang,
        Err(none) => return Class::Other(reason(none)),
    };
    let Some(relation) = relation(shebang.name(), implementation) else {
        return Class::Other("a script of another language");
    };
    let interpreter = interpreter(&shebang, relation, implementation, layout, image);
    let Some(head) = head(file, &shebang, interpreter) else {
        return Class::Unfit("no line can carry its interpreter and arguments");
    };
    match relation {
        Relation::Exact | Relation::Generic => Class::Ours(head),
        Relation::Foreign => {
            Class::Foreign(String::from_utf8_lossy(shebang.name()).into_owned(), head)
        }
    }
}

fn reason(none: NoShebang) -> &'static str {
    match none {
        NoShebang::Empty => "an empty file",
        NoShebang::Elf => "a binary",
        NoShebang::ByteOrderMark => "a byte order mark hides its first line from the kernel",
        NoShebang::None => "no script",
        NoShebang::Unclear => "a first line that names no interpreter",
    }
}

fn relation(name: &[u8], implementation: &Implementation) -> Option<Relation> {
    let name = std::str::from_utf8(name).ok()?;
    let (major, minor) = implementation.version();
    let family = implementation.family();
    let when = |ours: bool| {
        if ours {
            Relation::Generic
        } else {
            Relation::Foreign
        }
    };
    match name {
        "python" | "pythonw" => return Some(Relation::Generic),
        "pypy" => return Some(when(family == Family::PyPy)),
        _ => {}
    }
    if let Some(digits) = name.strip_prefix("python") {
        if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
            return Some(when(digits == major.to_string()));
        }
    }
    let named: Implementation = name.parse().ok()?;
    if named.to_string() != name {
        return None;
    }
    let same_line = named.family() == family && named.version().0 == major;
    Some(match named.version().1 {
        _ if named == *implementation => Relation::Exact,
        // The image of `pypy3` has the scripts of one PyPy, of any minor version.
        Some(_) if same_line && minor.is_none() => Relation::Exact,
        None if same_line => Relation::Generic,
        _ => Relation::Foreign,
    })
}

/// The interpreter that the moved script names.
fn interpreter(
    shebang: &Shebang,
    relation: Relation,
    implementation: &Implementation,
    layout: &Layout,
    image: &Path,
) -> PathBuf {
    if let Some(interpreter) = layout.interpreter_of(implementation) {
        return interpreter;
    }
    let named = installed(Path::new(OsStr::from_bytes(&shebang.interpreter)), image);
    let default = || layout.default_interpreter(implementation);
    if !named.is_absolute() {
        return default();
    }
    match (relation, named.parent()) {
        (Relation::Exact, _) => named,
        (Relation::Generic, Some(directory)) if named.starts_with(&layout.eprefix) => {
            directory.join(implementation.to_string())
        }
        _ => default(),
    }
}

/// A path on the installed system: the path of the image is removed from its beginning.
fn installed(path: &Path, image: &Path) -> PathBuf {
    match path.strip_prefix(image) {
        Ok(below) => Path::new("/").join(below),
        Err(_) => path.to_owned(),
    }
}

fn head(file: &[u8], shebang: &Shebang, interpreter: PathBuf) -> Option<Head> {
    let bytes = interpreter.as_os_str().as_bytes();
    let as_it_is = &file[..shebang.length];
    let stays =
        shebang.interpreter == bytes && !as_it_is.ends_with(b"\r\n") && !as_it_is.ends_with(b"\r");
    let written = if stays && shebang.is_short() {
        None
    } else {
        shebang.naming(bytes)
    };
    let mut new = match written {
        Some(new) => new,
        // It is right, or it is long, only newer kernels take it, and no other line can say the same.
        None if stays => as_it_is.to_vec(),
        None => return None,
    };
    let mut old = shebang.length;
    let lines = |text: &[u8]| text.split(|&b| b == b'\n').count();
    if lines(&new) > lines(as_it_is) {
        if let Some(cookie) = cookie(&file[old..]) {
            old += cookie.len();
            let after_first = new.iter().position(|&b| b == b'\n').map_or(0, |at| at + 1);
            let cookie = [cookie.trim_ascii_end(), b"\n"].concat();
            new.splice(after_first..after_first, cookie);
        }
    }
    Some(Head {
        old,
        new,
        interpreter,
    })
}

/// The first line, if it gives the encoding of the script (PEP 263). Python reads that from the first two lines only.
fn cookie(text: &[u8]) -> Option<&[u8]> {
    let line = text.split_inclusive(|&b| b == b'\n').next()?;
    let comment = line.trim_ascii_start().strip_prefix(b"#")?;
    let mut words = comment.windows(b"coding:".len());
    words
        .any(|word| word == b"coding:" || word == b"coding=")
        .then_some(line)
}

impl Head {
    /// A file with its first lines replaced.
    pub(crate) fn replace(&self, file: &[u8]) -> Vec<u8> {
        [
            self.new.as_slice(),
            file.get(self.old..).unwrap_or_default(),
        ]
        .concat()
    }
}

#[cfg(test)]
mod table;
