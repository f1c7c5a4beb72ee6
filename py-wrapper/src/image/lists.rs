//! Finds the lists of installed files: `RECORD` of wheels, `installed-files.txt` of eggs.
//!
//! They are looked for where installers put them: `PREFIX/lib*/PYTHON/site-packages/NAME.dist-info`,
//! PREFIX being the parent of each bin directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use common::Result;
use rustix::io::Errno;

use super::dir::{Descent, Dir};
use super::is_temporary;
use crate::installed::{Form, List};

/// The lists in an image, in the order of their paths.
pub(crate) fn find(image: &Dir, bindirs: &[PathBuf]) -> Result<Vec<List>> {
    let mut prefixes: Vec<&Path> = bindirs.iter().filter_map(|dir| dir.parent()).collect();
    prefixes.sort();
    prefixes.dedup();
    let mut lists = Vec::new();
    for prefix in prefixes {
        if let Descent::Found(dir) = image.descend(prefix)? {
            for (lib, path) in children(&dir, prefix, |name| name.starts_with(b"lib"))? {
                for (python, path) in children(&lib, &path, |_| true)? {
                    for (site, path) in children(&python, &path, is_site)? {
                        in_site(&site, &path, &mut lists)?;
                    }
                }
            }
        }
    }
    Ok(lists)
}

fn is_site(name: &[u8]) -> bool {
    name == b"site-packages" || name == b"dist-packages"
}

fn in_site(site: &Dir, path: &Path, lists: &mut Vec<List>) -> Result<()> {
    for (info, directory) in children(site, path, |name| Form::of(name).is_some())? {
        let Some(form) = directory
            .file_name()
            .and_then(|name| Form::of(name.as_bytes()))
        else {
            continue;
        };
        let names = info.names()?;
        if names.iter().any(|name| name == form.file()) {
            let content = info.read(OsStr::new(form.file()))?;
            let stale = names.into_iter().filter(|name| is_temporary(name));
            lists.push(List {
                form,
                directory,
                content,
                stale: stale.collect(),
            });
        }
    }
    Ok(())
}

/// The directories in `dir` whose names are wanted, with their installed paths. Links are left out.
fn children(dir: &Dir, path: &Path, wanted: fn(&[u8]) -> bool) -> Result<Vec<(Dir, PathBuf)>> {
    let mut children = Vec::new();
    for name in dir.names()? {
        if !wanted(name.as_bytes()) {
            continue;
        }
        match dir.child(&name) {
            Ok(child) => children.push((child, path.join(&name))),
            Err(Errno::NOTDIR | Errno::LOOP) => {}
            Err(cause) => return Err(common::Error::io("open", dir.at(&name), cause)),
        }
    }
    Ok(children)
}
