//! Temporary names, and how to tell what a killed run left under them.
//!
//! `.py-wrapper.PID.N.NAME` is what NAME will be and, once the two are exchanged, what NAME was. A file that gets a
//! name of its own, and what is on its way for a moment, is `.py-wrapper.PID.N`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use common::Result;
use common::fs::{At, Kind, Published, c_name, publish};
use rustix::io::Errno;

use super::folder::{Descent, Folder, is_executable_file};
use crate::layout::Layout;
use crate::wrapper;

const PREFIX: &str = ".py-wrapper.";

/// The longest name that file systems take, in bytes (`NAME_MAX`).
const LONGEST: usize = 255;

/// The temporary name with this number in our own process.
pub(crate) fn temporary(number: usize) -> OsString {
    format!("{PREFIX}{}.{number}", std::process::id()).into()
}

/// The same for what takes the place of `name`, if there is room for that.
pub(crate) fn temporary_for(number: usize, name: &OsStr) -> OsString {
    let plain = temporary(number);
    let mut whole = plain.clone();
    whole.push(".");
    whole.push(name);
    if whole.len() > LONGEST { plain } else { whole }
}

/// Whether a name is a temporary one.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    name.as_bytes().starts_with(PREFIX.as_bytes())
}

/// The name whose place a temporary one takes.
fn stands_for(temporary: &OsStr) -> Option<&OsStr> {
    let numbered = temporary.as_bytes().strip_prefix(PREFIX.as_bytes())?;
    let name = numbered.splitn(3, |&b| b == b'.').nth(2)?;
    Some(OsStr::from_bytes(name))
}

/// The name that a killed run took away and gave nothing else. `names` are those of the directory, sorted.
///
/// Only a file system that can neither exchange names nor link them has such a moment.
pub(crate) fn lost<'a>(names: &[OsString], temporary: &'a OsStr) -> Option<&'a OsStr> {
    let name = stands_for(temporary)?;
    let is_there = names.binary_search_by(|n| n.as_os_str().cmp(name)).is_ok();
    (!is_there).then_some(name)
}

/// Gives each lost file its name again, and returns the names that there are then.
pub(crate) fn put_back(folder: &Folder) -> Result<Vec<OsString>> {
    let names = folder.names()?;
    let mut found = false;
    for temporary in &names {
        if let Some(name) = lost(&names, temporary) {
            rename_new(folder, temporary, name)?;
            found = true;
        }
    }
    if found { folder.names() } else { Ok(names) }
}

/// Renames within a folder; an error if the new name is taken.
pub(crate) fn rename_new(folder: &Folder, from: &OsStr, to: &OsStr) -> Result<()> {
    let rename = || {
        let (from, to) = (c_name(from)?, c_name(to)?);
        match publish(At::new(folder.dir(), &from), At::new(folder.dir(), &to))? {
            Published::Done => Ok(()),
            Published::Taken => Err(Errno::EXIST),
        }
    };
    rename().map_err(folder.failed_at("rename", to))
}

/// Whether a temporary name in a bin directory may be all that is left of a script.
///
/// It may not if it is no script, if its name still stands for the same file, or if its name is a wrapper and a
/// script is behind that: then the script was moved, and only the end of the run is missing.
pub(super) fn is_precious(
    image: &Folder,
    layout: &Layout,
    bindir: &Folder,
    temporary: &OsStr,
) -> Result<bool> {
    let kept = bindir.stat(temporary)?;
    if !is_executable_file(&kept) || wrapper::is_wrapper(&bindir.read_head(temporary)?) {
        return Ok(false);
    }
    let Some(name) = stands_for(temporary) else {
        return Ok(true);
    };
    let Ok(there) = bindir.stat(name) else {
        return Ok(true);
    };
    let is_wrapped = match there.kind {
        _ if there.identity == kept.identity => return Ok(false),
        Kind::File => wrapper::is_wrapper(&bindir.read_head(name)?),
        Kind::Symlink => wrapper::is_link_to(&bindir.read_link(name)?, layout, bindir.way()),
        _ => false,
    };
    let has_script = |scripts: &Folder| scripts.stat(name).is_ok();
    Ok(!(is_wrapped && script_folders(image, layout)?.iter().any(has_script)))
}

/// The temporary names beside the scripts, each with its directory.
pub(super) fn beside_scripts(image: &Folder, layout: &Layout) -> Result<Vec<(PathBuf, OsString)>> {
    let mut leftovers = Vec::new();
    for scripts in script_folders(image, layout)? {
        let names = scripts.names()?.into_iter();
        let temporary = names.filter(|name| is_temporary(name));
        leftovers.extend(temporary.map(|name| (scripts.way().to_owned(), name)));
    }
    Ok(leftovers)
}

/// The directories in the script root.
fn script_folders(image: &Folder, layout: &Layout) -> Result<Vec<Folder>> {
    let Descent::Found(root) = image.descend(&layout.script_root)? else {
        return Ok(Vec::new());
    };
    let open = |name: OsString| root.child(&name).ok();
    Ok(root.names()?.into_iter().filter_map(open).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_name_tells_whose_place_it_takes() {
        let name = OsStr::new("a.b.c");
        let temporary_name = temporary_for(7, name);
        assert!(is_temporary(&temporary_name));
        assert_eq!(stands_for(&temporary_name), Some(name));
        assert_eq!(stands_for(&temporary(7)), None);
        let long = "x".repeat(LONGEST);
        assert_eq!(temporary_for(7, OsStr::new(&long)), temporary(7));
    }
}
