//! Where things are on the installed system. No path here has an image or DESTDIR in it.

use std::path::{Component, Path, PathBuf};

use common::{Error, Implementation, Result};

/// The default bin directories, below the prefix.
pub(crate) const BINDIRS: [&str; 3] = ["/usr/bin", "/usr/sbin", "/usr/local/bin"];

/// The script root if no option names another. It is set when the tools are built.
pub(crate) const SCRIPT_ROOT: &str = match option_env!("PY_EXEC_SCRIPTROOT") {
    Some(path) => path,
    None => "/usr/lib/python-exec",
};

/// The directory that holds `python-exec/` with the configuration. It is set when the tools are built.
pub(crate) const SYSCONFDIR: &str = match option_env!("PY_EXEC_SYSCONFDIR") {
    Some(path) => path,
    None => "/etc",
};

/// The layout of the installed system.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Gentoo's EPREFIX: empty, or an absolute path before every default.
    pub eprefix: PathBuf,
    /// The bin directories.
    pub bindirs: Vec<PathBuf>,
    /// The directory that holds the scripts, `SCRIPTROOT/EPYTHON/NAME`.
    pub script_root: PathBuf,
    /// The directory that holds `python-exec/`.
    pub sysconfdir: PathBuf,
    /// The target of wrappers of kind link: the Python text of the dispatcher.
    pub dispatcher: PathBuf,
    /// The program that the dispatcher's text names.
    pub program: PathBuf,
    /// The interpreter as a template with `{interpreter}` and `{version}`.
    pub interpreter: Option<String>,
}

impl Layout {
    /// The interpreter that the template names.
    pub(crate) fn interpreter_of(&self, implementation: &Implementation) -> Option<PathBuf> {
        let template = self.interpreter.as_ref()?;
        let named = template
            .replace("{interpreter}", &implementation.to_string())
            .replace("{version}", &implementation.version_string());
        Some(named.into())
    }

    /// `EPREFIX/usr/bin/EPYTHON`.
    pub(crate) fn default_interpreter(&self, implementation: &Implementation) -> PathBuf {
        below(&self.eprefix, "/usr/bin").join(implementation.to_string())
    }

    /// The directory of one implementation's scripts.
    pub(crate) fn scripts(&self, implementation: &Implementation) -> PathBuf {
        self.script_root.join(implementation.to_string())
    }
}

/// `path` below the prefix, which may be empty.
pub(crate) fn below(eprefix: &Path, path: &str) -> PathBuf {
    if eprefix.as_os_str().is_empty() {
        return path.into();
    }
    eprefix.join(path.trim_start_matches('/'))
}

/// A default that was set when the tools were built, below the prefix. A build for that prefix has the prefix in it.
pub(crate) fn built(eprefix: &Path, path: &str) -> PathBuf {
    if !eprefix.as_os_str().is_empty() && Path::new(path).starts_with(eprefix) {
        return path.into();
    }
    below(eprefix, path)
}

/// Checks a path of the installed system, and removes `.` and a slash at its end.
pub(crate) fn installed_path(option: &str, path: &Path) -> Result<PathBuf> {
    let refuse = |why: &str| {
        Err(Error::refused(
            format!("use {option}"),
            path.as_os_str(),
            why,
        ))
    };
    if !path.is_absolute() {
        return refuse("is not an absolute path of the installed system");
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return refuse("has .. in it");
    }
    if path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .any(|b| b"\n\0".contains(b))
    {
        return refuse("has a newline in it");
    }
    Ok(path.components().collect())
}

/// Resolves `.` and `..` in an absolute path by its names alone; `..` in the root is the root.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::CurDir => {}
            part => parts.push(part),
        }
    }
    parts
}

/// The relative path from the directory `from` to `to`, both absolute and normal: `../lib/x`.
pub(crate) fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_leads_from_any_directory_to_any_file() {
        let path = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(path("/usr/bin", "/usr/lib/x"), Path::new("../lib/x"));
        assert_eq!(path("/usr/bin", "/usr/bin/x"), Path::new("x"));
        assert_eq!(path("/a/b/c", "/x"), Path::new("../../../x"));
        assert_eq!(path("/", "/x"), Path::new("x"));
    }

    #[test]
    fn a_default_gets_the_prefix_once() {
        let path = |eprefix: &str, default: &str| built(Path::new(eprefix), default);
        assert_eq!(path("", "/usr/lib/x"), Path::new("/usr/lib/x"));
        assert_eq!(path("/p", "/usr/lib/x"), Path::new("/p/usr/lib/x"));
        assert_eq!(path("/p", "/p/usr/lib/x"), Path::new("/p/usr/lib/x"));
        assert_eq!(path("/p", "/pq/lib/x"), Path::new("/p/pq/lib/x"));
    }

    #[test]
    fn a_normal_path_stays_below_the_root() {
        assert_eq!(normal(Path::new("/a/./b/../c")), Path::new("/a/c"));
        assert_eq!(normal(Path::new("/../../c")), Path::new("/c"));
    }
}
