//! Finds the lists of installed files: `RECORD` of wheels, `installed-files.txt` of eggs.
//!
//! They are looked for where installers put them: `PREFIX/lib*/PYTHON/site-packages/NAME.dist-info`,
//! PREFIX being the parent of each bin directory.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::Result;
use common::fs::Kind;
use rustix::io::Errno;

use super::folder::{Descent, Folder};
use super::temporary::{is_temporary, stands_for};
use crate::installed::{Form, List};

/// The lists in an image, in the order of their paths.
pub(crate) fn find(image: &Folder, bindirs: &[PathBuf]) -> Result<Vec<List>> {
    let mut prefixes: Vec<&Path> = bindirs.iter().filter_map(|dir| dir.parent()).collect();
    prefixes.sort();
    prefixes.dedup();
    let mut lists = Vec::new();
    for prefix in prefixes {
        if let Descent::Found(dir) = image.descend(prefix)? {
            for_children(&dir, prefix, is_lib, &mut |lib, path| {
                for_children(lib, path, |_| true, &mut |python, path| {
                    for_children(python, path, is_site, &mut |site, path| {
                        for_children(site, path, is_info, &mut |info, path| {
                            lists.extend(list(info, path)?);
                            Ok(())
                        })
                    })
                })
            })?;
        }
    }
    Ok(lists)
}

fn is_lib(name: &[u8]) -> bool {
    name.starts_with(b"lib")
}

fn is_site(name: &[u8]) -> bool {
    name == b"site-packages" || name == b"dist-packages"
}

fn is_info(name: &[u8]) -> bool {
    Form::of(name).is_some()
}

/// The list that a directory holds, if it holds one that is a regular file.
fn list(info: &Folder, directory: &Path) -> Result<Option<List>> {
    let Some(form) = Form::of(directory.file_name().unwrap_or_default().as_bytes()) else {
        return Ok(None);
    };
    let own = OsStr::new(form.file());
    let names = info.names()?;
    let (mut stale, others): (Vec<OsString>, Vec<_>) =
        names.into_iter().partition(|name| is_temporary(name));
    let mut lost = None;
    if !others.iter().any(|name| name == own) {
        let at = stale.iter().position(|name| stands_for(name) == Some(own));
        let Some(at) = at else {
            return Ok(None);
        };
        lost = Some(stale.remove(at));
    }
    let name = lost.as_deref().unwrap_or(own);
    if info.stat(name)?.kind != Kind::File {
        return Ok(None);
    }
    Ok(Some(List {
        form,
        directory: directory.to_owned(),
        content: info.read(name, u64::MAX)?,
        stale,
        lost,
    }))
}

/// Calls `each` with the directories in `dir` whose names are wanted and with their installed paths. One is open at a
/// time.
///
/// It skips links, and directories that we may not read.
fn for_children(
    dir: &Folder,
    path: &Path,
    wanted: fn(&[u8]) -> bool,
    each: &mut dyn FnMut(&Folder, &Path) -> Result<()>,
) -> Result<()> {
    for name in dir.names()? {
        if !wanted(name.as_bytes()) {
            continue;
        }
        match dir.subfolder(&name) {
            Ok(child) => each(&child, &path.join(&name))?,
            Err(Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => {}
            Err(cause) => return Err(dir.fail("open", &name)(cause)),
        }
    }
    Ok(())
}
