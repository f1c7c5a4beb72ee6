//! `BUILD_DIR`, by the rules of Gentoo's `multibuild_foreach_variant`: `DIR-VARIANT`, and never
//! `WORKDIR` itself, for then every variant would write beside the sources.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use common::{Error, Result};

/// The directory that the variants' names are put after: absolute, without a slash at its end.
///
/// `asked` is `-b`'s or `BUILD_DIR`'s, `directory` where we are.
///
/// # Errors
/// It leads out of `workdir`.
pub(crate) fn stem(asked: &Path, workdir: Option<&Path>, directory: &Path) -> Result<PathBuf> {
    let stem = absolute(asked, directory);
    let Some(workdir) = workdir.map(|workdir| absolute(workdir, directory)) else {
        return Ok(stem);
    };
    if stem == workdir {
        return Ok(workdir.join("build"));
    }
    if !stem.starts_with(&workdir) {
        let cause = format!("is not below WORKDIR {}", common::show::path(&workdir));
        return Err(Error::refused(
            "use build directory",
            asked.as_os_str(),
            cause,
        ));
    }
    Ok(stem)
}

/// `STEM-VARIANT`.
pub(crate) fn of(stem: &Path, variant: &OsStr) -> PathBuf {
    let mut path = stem.as_os_str().to_owned();
    path.push("-");
    path.push(variant);
    path.into()
}

/// `path` from the root, without `.`, `..` and slashes at its end; links are not looked at.
fn absolute(path: &Path, directory: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in directory.join(path).components() {
        match part {
            Component::ParentDir => drop(clean.pop()),
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    debug_assert!(clean.as_os_str().as_bytes().starts_with(b"/"));
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem_in(asked: &str, workdir: Option<&str>) -> Result<String, String> {
        stem(Path::new(asked), workdir.map(Path::new), Path::new("/here"))
            .map(|path| path.display().to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn gentoos_rules() {
        assert_eq!(stem_in("/w/foo-1.2/", Some("/w")).unwrap(), "/w/foo-1.2");
        assert_eq!(stem_in("/w/", Some("/w")).unwrap(), "/w/build");
        assert_eq!(stem_in("/w/.", Some("/w//")).unwrap(), "/w/build");
        assert_eq!(stem_in("b", None).unwrap(), "/here/b");
        let build = of(Path::new("/w/foo"), OsStr::new("python3_12"));
        assert_eq!(build, Path::new("/w/foo-python3_12"));
    }

    #[test]
    fn no_build_outside_of_workdir() {
        for asked in ["/elsewhere", "/w/../etc", "/work2"] {
            let refused = stem_in(asked, Some("/w")).unwrap_err();
            assert_eq!(
                refused,
                format!("use build directory {asked}: is not below WORKDIR /w")
            );
        }
    }
}
