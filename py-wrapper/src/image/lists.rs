//! Finds the lists of installed files: `RECORD` of wheels, `installed-files.txt` of eggs.
//!
//! They are looked for where installers put them: `PREFIX/lib*/PYTHON/site-packages/NAME.dist-info`,
//! PREFIX being the parent of each bin directory.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::Result;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::aside::{self, is_temporary};
use super::dir::{Descent, Dir};
use crate::installed::{Form, List};

/// The lists in an image, in the order of their paths.
pub(crate) fn find(image: &Dir, bindirs: &[PathBuf]) -> Result<Vec<List>> {
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
fn list(info: &Dir, directory: &Path) -> Result<Option<List>> {
    let Some(form) = Form::of(directory.file_name().unwrap_or_default().as_bytes()) else {
        return Ok(None);
    };
    let own = OsStr::new(form.file());
    let names = info.names()?;
    let lost = |name: &&OsString| aside::lost(&names, name) == Some(own);
    let lost = names.iter().find(lost).cloned();
    let name = lost.as_deref().unwrap_or(own);
    if !names.iter().any(|there| there == name) || !is_regular(&info.stat(name)?) {
        return Ok(None);
    }
    let content = info.read(name)?;
    let stale = |name: &OsString| is_temporary(name) && Some(name) != lost.as_ref();
    Ok(Some(List {
        form,
        directory: directory.to_owned(),
        content,
        stale: names.iter().filter(|name| stale(name)).cloned().collect(),
        lost,
    }))
}

fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// Hands the directories in `dir` whose names are wanted on, with their installed paths, one open at a time.
///
/// Links are left out, and what may not be read: no installer put a list there that we could have read.
fn for_children(
    dir: &Dir,
    path: &Path,
    wanted: fn(&[u8]) -> bool,
    each: &mut dyn FnMut(&Dir, &Path) -> Result<()>,
) -> Result<()> {
    for name in dir.names()? {
        if !wanted(name.as_bytes()) {
            continue;
        }
        match dir.child(&name) {
            Ok(child) => each(&child, &path.join(&name))?,
            Err(Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => {}
            Err(cause) => return Err(common::Error::io("open", dir.at(&name), cause)),
        }
    }
    Ok(())
}
