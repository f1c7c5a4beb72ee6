//! The wrapper that takes the place of a script in the bin directory.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use common::{Error, Result};

use crate::layout::{Layout, relative};

const SCRIPT: &str = include_str!("texts/script.in");
const DISPATCHER: &str = include_str!("texts/py-exec2.in");
const PYTHON: &str = include_str!("texts/python.in");

/// How a wrapper finds the script of the right implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// One self-contained file, valid as sh and as Python
    Script,
    /// A relative symlink to the dispatcher's text
    Link,
    /// A copy of the dispatcher's text
    Copy,
}

/// The content of a wrapper; every script of a bin directory gets the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrapper {
    /// A file with this content.
    Text(Vec<u8>),
    /// A symlink with this target.
    Link(PathBuf),
}

impl Wrapper {
    /// The wrapper of `kind` for scripts in `bindir`.
    #[must_use]
    pub fn new(kind: Kind, layout: &Layout, bindir: &Path) -> Self {
        match kind {
            Kind::Script => Self::Text(text(&[SCRIPT, PYTHON], layout, bindir)),
            Kind::Copy => Self::Text(text(&[DISPATCHER, PYTHON], layout, bindir)),
            Kind::Link => Self::Link(relative(bindir, &layout.dispatcher)),
        }
    }
}

/// The longest first line that a kernel takes whole, in bytes: 255 since Linux 5.1 (execve(2)).
const LONGEST_LINE: usize = 255;

/// Refuses paths that cannot stand between quotes of sh and Python, or in the first line of a copy.
pub(crate) fn fits(kind: Kind, layout: &Layout) -> Result<()> {
    if kind == Kind::Link {
        return Ok(());
    }
    for path in [&layout.script_root, &layout.sysconfdir, &layout.program] {
        let plain = |b: &u8| (b' '..=b'~').contains(b) && !b"'\"\\@".contains(b);
        if !path.as_os_str().as_bytes().iter().all(plain) {
            let why = "a wrapper cannot carry quotes, backslashes, @ or what is not ASCII";
            return Err(Error::refused("write wrapper for", path.as_os_str(), why));
        }
    }
    let is_long = |bindir: &PathBuf| {
        let text = text(&[DISPATCHER], layout, bindir);
        let first = text.split(|&b| b == b'\n').next();
        first.is_some_and(|line| line.len() > LONGEST_LINE)
    };
    if kind == Kind::Copy && (layout.bindirs.iter().any(is_long) || has_separators(layout)) {
        let why =
            "its first line would be too long for the kernel, or has a blank or a colon in a path";
        return Err(Error::refused(
            "write wrapper for",
            layout.script_root.as_os_str(),
            why,
        ));
    }
    Ok(())
}

/// Whether a path has a byte that ends it early in the first line.
fn has_separators(layout: &Layout) -> bool {
    let paths = [&layout.script_root, &layout.sysconfdir, &layout.program];
    let parts = |byte: &u8| b" :".contains(byte);
    paths
        .iter()
        .any(|path| path.as_os_str().as_bytes().iter().any(parts))
}

fn text(parts: &[&str], layout: &Layout, bindir: &Path) -> Vec<u8> {
    let shown = |path: &Path| path.as_os_str().to_string_lossy().into_owned();
    let text = parts
        .concat()
        .replace("@ROOT@", &shown(&layout.script_root))
        .replace("@NEAR@", &shown(&relative(bindir, &layout.script_root)))
        .replace("@ETC@", &shown(&layout.sysconfdir))
        .replace("@PROGRAM@", &shown(&layout.program));
    text.into_bytes()
}

/// Whether a file in a bin directory is a wrapper already. Its second line says so.
pub(crate) fn is_wrapper(file: &[u8]) -> bool {
    let second = file.split(|&b| b == b'\n').nth(1).unwrap_or_default();
    second.starts_with(b"# Made by py-wrapper(1).")
        || second.starts_with(b"# Links to this file, and copies of it, start a script")
}

/// Whether a symlink in `bindir` leads to the dispatcher.
pub(crate) fn is_link_to(target: &Path, layout: &Layout, bindir: &Path) -> bool {
    let there = crate::layout::normal(&bindir.join(target));
    there == layout.dispatcher
}
