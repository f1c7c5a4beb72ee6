//! Temporary names, and what a run that did not come to its end left under them.
//!
//! A temporary name that takes the place of another says of which: `.py-wrapper.PID.N.new.NAME` is what
//! NAME will be and, once the two are exchanged, what NAME was. Where names cannot be exchanged,
//! `.py-wrapper.PID.N.old.NAME` is what NAME was.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::Result;
use rustix::fs::FileType;

use super::dir::{Descent, Dir};
use super::{HEAD, is_executable};
use crate::layout::Layout;
use crate::wrapper;

/// How the names begin that we use for a moment.
const TEMPORARY: &str = ".py-wrapper.";

/// The longest name that file systems take, in bytes (`NAME_MAX`).
const LONGEST: usize = 255;

/// What a temporary name is to the one that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    /// What takes its place.
    New,
    /// What had its place.
    Old,
}

impl Stands {
    fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Old => "old",
        }
    }
}

/// The temporary name with this number of our own process.
pub(crate) fn temporary(number: usize) -> OsString {
    format!("{TEMPORARY}{}.{number}", std::process::id()).into()
}

/// The same with the name that it stands for, if there is room for that.
pub(crate) fn temporary_for(number: usize, stands: Stands, name: &OsStr) -> OsString {
    let plain = temporary(number);
    let mut whole = plain.clone();
    whole.push(format!(".{}.", stands.word()));
    whole.push(name);
    if whole.len() > LONGEST { plain } else { whole }
}

/// Whether a name is one that we use for a moment.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    name.as_bytes().starts_with(TEMPORARY.as_bytes())
}

/// The name that a temporary one stands for, and as what.
fn stands_for(temporary: &OsStr) -> Option<(Stands, &OsStr)> {
    let numbered = temporary.as_bytes().strip_prefix(TEMPORARY.as_bytes())?;
    let mut parts = numbered.splitn(4, |&b| b == b'.').skip(2);
    let word = parts.next()?;
    let name = OsStr::from_bytes(parts.next()?);
    let known = [Stands::New, Stands::Old].into_iter();
    let stands = known.into_iter().find(|s| s.word().as_bytes() == word)?;
    Some((stands, name))
}

/// The name that is missing from a directory because a run was killed after it took it away, and before
/// it put something else there. `names` are the directory's, sorted.
pub(crate) fn lost<'a>(names: &[OsString], temporary: &'a OsStr) -> Option<&'a OsStr> {
    match stands_for(temporary) {
        Some((Stands::Old, name))
            if names.binary_search_by(|n| n.as_os_str().cmp(name)).is_err() =>
        {
            Some(name)
        }
        _ => None,
    }
}

/// Gives what is lost its name again. What cannot be read is for those to tell who read it next.
pub(crate) fn put_back(image: &Dir, layout: &Layout) -> Result<()> {
    for bindir in &layout.bindirs {
        let Ok(Descent::Found(dir)) = image.descend(bindir) else {
            continue;
        };
        let names = dir.names().unwrap_or_default();
        for name in &names {
            if let Some(original) = lost(&names, name) {
                dir.rename_new(name, original)?;
            }
        }
    }
    Ok(())
}

/// What killed runs left in the bin directories and beside the scripts of all implementations, and may go.
pub(crate) fn stale(image: &Dir, layout: &Layout) -> Result<Vec<(PathBuf, OsString)>> {
    let mut stale = Vec::new();
    for bindir in &layout.bindirs {
        if let Descent::Found(dir) = image.descend(bindir)? {
            for name in dir.names()?.into_iter().filter(|name| is_temporary(name)) {
                if !is_precious(image, layout, (&dir, bindir), &name)? {
                    stale.push((bindir.clone(), name));
                }
            }
        }
    }
    let root = image.descend(&layout.script_root)?;
    for (way, dir) in script_dirs(root, &layout.script_root)? {
        let names = dir.names()?.into_iter();
        stale.extend(
            names
                .filter(|name| is_temporary(name))
                .map(|name| (way.clone(), name)),
        );
    }
    Ok(stale)
}

/// The directories in the script root.
fn script_dirs(root: Descent, way: &Path) -> Result<Vec<(PathBuf, Dir)>> {
    let Descent::Found(root) = root else {
        return Ok(Vec::new());
    };
    let open = |name: OsString| Some((way.join(&name), root.child(&name).ok()?));
    Ok(root.names()?.into_iter().filter_map(open).collect())
}

/// Whether a temporary name in a bin directory may be all that there is of a script.
///
/// It is not where it is no script, or where the name that it stands for is a wrapper with a script behind
/// it: then the script was moved, and only the end was missing.
pub(super) fn is_precious(
    image: &Dir,
    layout: &Layout,
    (dir, bindir): (&Dir, &Path),
    name: &OsStr,
) -> Result<bool> {
    if !is_executable(&dir.stat(name)?) || wrapper::is_wrapper(&dir.read_at_most(name, HEAD)?) {
        return Ok(false);
    }
    let Some((_, original)) = stands_for(name) else {
        return Ok(true);
    };
    let Ok(stat) = dir.stat(original) else {
        return Ok(true);
    };
    let is_wrapped = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => wrapper::is_wrapper(&dir.read_at_most(original, HEAD)?),
        FileType::Symlink => wrapper::is_link_to(&dir.read_link(original)?, layout, bindir),
        _ => false,
    };
    Ok(!(is_wrapped && has_script(image, layout, original)?))
}

/// Whether any implementation has a script of this name.
fn has_script(image: &Dir, layout: &Layout, name: &OsStr) -> Result<bool> {
    let root = image.descend(&layout.script_root)?;
    let dirs = script_dirs(root, &layout.script_root)?;
    Ok(dirs.iter().any(|(_, dir)| dir.stat(name).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_name_says_what_it_stands_for() {
        let name = OsStr::new("a.b.c");
        for stands in [Stands::New, Stands::Old] {
            let temporary = temporary_for(7, stands, name);
            assert!(is_temporary(&temporary));
            assert_eq!(stands_for(&temporary), Some((stands, name)));
        }
        assert_eq!(stands_for(&temporary(7)), None);
        let long = "x".repeat(LONGEST);
        let temporary = temporary_for(7, Stands::Old, OsStr::new(&long));
        assert_eq!(stands_for(&temporary), None);
        assert!(temporary.len() <= LONGEST);
    }
}
