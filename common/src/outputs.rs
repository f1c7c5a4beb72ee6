//! The files that a tool is to write: each its own, or one would overwrite the other in silence.

use std::fs;
use std::path::{Path, PathBuf, absolute};

use crate::{Error, Result};

/// Refuses a regular file that two options name; each is given with its name on the command line.
///
/// Paths are compared as absolute ones. What takes several writers, such as a device or a fifo, is let pass.
///
/// # Errors
/// The file, with both options.
pub fn distinct(outputs: &[(&'static str, Option<&Path>)]) -> Result<()> {
    let mut seen: Vec<(&str, PathBuf)> = Vec::new();
    for (option, path) in outputs {
        let Some(path) = path.filter(|path| !takes_several(path)) else {
            continue;
        };
        let whole = absolute(path).map_err(|cause| Error::io("find", path, cause))?;
        if let Some((other, _)) = seen.iter().find(|(_, there)| *there == whole) {
            let cause = format!("{other} and {option} name the same file");
            return Err(Error::refused("write", path, cause));
        }
        seen.push((option, whole));
    }
    Ok(())
}

fn takes_several(path: &Path) -> bool {
    // /dev/stdout may lead to a regular file.
    let streams = ["/dev", "/proc"].iter().any(|top| path.starts_with(top));
    streams || fs::metadata(path).is_ok_and(|data| !data.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_has_one_option() {
        let at = |a, b| {
            distinct(&[("--a", a), ("--b", None), ("--c", b)].map(|(o, p)| (o, p.map(Path::new))))
        };
        assert!(at(Some("x"), Some("y")).is_ok());
        assert!(at(Some("/dev/null"), Some("/dev/null")).is_ok());
        assert!(at(Some("x"), None).is_ok());
        let error = at(Some("/x/y"), Some("/x/./y")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "write /x/./y: --a and --c name the same file"
        );
    }
}
