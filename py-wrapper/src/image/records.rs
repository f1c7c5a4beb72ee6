//! Finds the `RECORD` files of an image, where installers put them:
//! `PREFIX/lib*/PYTHON/site-packages/NAME.dist-info/RECORD`. PREFIX is the parent of a bin directory.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::fs::Kind;
use common::{Error, Result};
use rustix::io::Errno;

use super::folder::{Descent, Folder};
use super::leftovers;

/// The list of a distribution's installed files.
#[derive(Debug)]
pub(crate) struct RecordFile {
    /// The `.dist-info` on the installed system.
    pub(crate) directory: PathBuf,
    pub(crate) content: Vec<u8>,
    /// Temporary names that a killed run left beside it.
    pub(crate) leftovers: Vec<OsString>,
}

/// Its name in the `.dist-info`.
pub(crate) const NAME: &str = "RECORD";

/// Which names to enter on each level below PREFIX.
const LEVELS: [fn(&[u8]) -> bool; 4] = [
    |name| name.starts_with(b"lib"),
    |_| true,
    |name| name == b"site-packages" || name == b"dist-packages",
    |name| name.ends_with(b".dist-info"),
];

/// The `RECORD` files of an image, in the order of their paths. One that a killed run took away has its name again.
pub(crate) fn find(image: &Folder, bindirs: &[PathBuf]) -> Result<Vec<RecordFile>> {
    let mut prefixes: Vec<&Path> = bindirs.iter().filter_map(|dir| dir.parent()).collect();
    prefixes.sort();
    prefixes.dedup();
    let mut found = Vec::new();
    for prefix in prefixes {
        if let Descent::Found(folder) = image.descend(prefix)? {
            search(&folder, &LEVELS, &mut found)?;
        }
    }
    Ok(found)
}

/// Enters the directories that are wanted on this level, one open at a time on each.
fn search(
    folder: &Folder,
    levels: &[fn(&[u8]) -> bool],
    found: &mut Vec<RecordFile>,
) -> Result<()> {
    let [wanted, below @ ..] = levels else {
        found.extend(read(folder)?);
        return Ok(());
    };
    for name in folder.names()? {
        if !wanted(name.as_bytes()) {
            continue;
        }
        match folder.child(&name) {
            Ok(child) => search(&child, below, found)?,
            // An installer that we run as put nothing where we may not look.
            Err(Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => {}
            Err(cause) => return Err(Error::io("open", folder.path(&name), cause)),
        }
    }
    Ok(())
}

fn read(folder: &Folder) -> Result<Option<RecordFile>> {
    let mut leftovers = leftovers::put_back(folder)?;
    let own = OsStr::new(NAME);
    if !leftovers.iter().any(|name| name == own) || folder.stat(own)?.kind != Kind::File {
        return Ok(None);
    }
    leftovers.retain(|name| leftovers::is_temporary(name));
    Ok(Some(RecordFile {
        directory: folder.way().to_owned(),
        content: folder.read(own)?,
        leftovers,
    }))
}
