//! What a job is told of its interpreter: Gentoo's names (python-utils-r1), the interpreter's own answers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use common::implementation::Family;

use crate::discover::Interpreter;
use crate::variables::Variables;

/// Where the real scripts lie, below EPREFIX.
const SCRIPT_ROOT: &str = "usr/lib/python-exec";

/// Which of Debian's two schemes `--prefix=/usr` means to an interpreter of Debian.
///
/// `Packages` is what Debian's packages have: `/usr/bin` and `/usr/lib/python3/dist-packages`. That directory is
/// shared by every Python 3 and `PyPy` 3 of Debian, and two of them installed into it would disagree about
/// the metadata; so only one gets it. `Local` is a directory for each, below `/usr/local`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Not Debian's interpreter, or the user has chosen: nothing is set.
    Own,
    /// `DEB_PYTHON_INSTALL_LAYOUT=deb`.
    Packages,
    /// Debian's default.
    Local,
}

/// The variable that selects Debian's scheme.
const DEBIAN_LAYOUT: &str = "DEB_PYTHON_INSTALL_LAYOUT";

/// The layout of each interpreter: of Debian's, the newest `CPython` installs as Debian's packages do.
pub(crate) fn layouts(declared: &[&Interpreter], given: &Variables) -> Vec<Layout> {
    let chosen = given.get(DEBIAN_LAYOUT).is_some();
    let is_debians = |interpreter: &Interpreter| interpreter.facts.debian_purelib.is_some();
    let debians = declared.iter().copied().filter(|one| is_debians(one));
    let best = debians
        .map(|one| &one.implementation)
        .filter(|name| name.family() == Family::CPython)
        .max();
    let layout = |one: &Interpreter| match (is_debians(one) && !chosen, best) {
        (false, _) => Layout::Own,
        (true, Some(best)) if *best == one.implementation => Layout::Packages,
        (true, _) => Layout::Local,
    };
    declared.iter().copied().map(layout).collect()
}

/// Sets the variables of `interpreter`.
pub(crate) fn describe(variables: &mut Variables, interpreter: &Interpreter, layout: Layout) {
    let facts = &interpreter.facts;
    let epython = interpreter.implementation.to_string();
    let site = match (layout, variables.get(DEBIAN_LAYOUT), &facts.debian_purelib) {
        (Layout::Packages, _, Some(debian)) => debian,
        (Layout::Own, Some(chosen), Some(debian)) if chosen == "deb" || chosen == "deb_system" => {
            debian
        }
        _ => &facts.purelib,
    };
    if layout == Layout::Packages {
        variables.set(DEBIAN_LAYOUT, "deb");
    }
    variables.set("PYTHON", &interpreter.path);
    variables.set("PYTHON_SITEDIR", site);
    variables.set("PYTHON_INCLUDEDIR", &facts.include);
    variables.set("PYTHON_SCRIPTDIR", script_directory(variables, &epython));
    match &facts.library {
        Some(library) => variables.set("PYTHON_LIBPATH", library),
        None => variables.unset("PYTHON_LIBPATH"),
    }
    variables.set("EPYTHON", epython);
}

fn script_directory(variables: &Variables, epython: &str) -> PathBuf {
    let prefix: OsString = variables.get("EPREFIX").unwrap_or_default().to_owned();
    let root = if prefix.is_empty() {
        PathBuf::from("/")
    } else {
        PathBuf::from(prefix)
    };
    root.join(SCRIPT_ROOT).join(epython)
}

/// The links of an own directory of `.pc` files: name and target, for those that are there.
///
/// `python3` is this interpreter there, as Gentoo has it.
pub(crate) fn pkg_config_links(interpreter: &Interpreter) -> Vec<(String, PathBuf)> {
    let Some(directory) = &interpreter.facts.pkgconfig else {
        return Vec::new();
    };
    let version = interpreter.implementation.version_string();
    let threads = if interpreter.implementation.is_free_threaded() {
        "t"
    } else {
        ""
    };
    let (major, _) = interpreter.implementation.version();
    let mut links = Vec::new();
    for embed in ["", "-embed"] {
        let target = directory.join(format!("python-{version}{threads}{embed}.pc"));
        if is_file(&target) {
            links.push((format!("python{major}{embed}.pc"), target.clone()));
            links.push((format!("python-{version}{threads}{embed}.pc"), target));
        }
    }
    links
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::Facts;

    fn interpreter(name: &str, debians: bool) -> Interpreter {
        let mut facts = Facts::for_tests(name);
        facts.purelib = "/usr/local/lib/x".into();
        facts.debian_purelib = debians.then(|| "/usr/lib/python3/dist-packages".into());
        Interpreter {
            implementation: name.parse().unwrap(),
            path: format!("/usr/bin/{name}").into(),
            facts,
        }
    }

    #[test]
    fn one_interpreter_of_debian_installs_as_packages_do() {
        let declared = [
            interpreter("python3.9", false),
            interpreter("python3.11", true),
            interpreter("pypy3.9", true),
        ];
        let none = Variables::default();
        let expected = [Layout::Own, Layout::Packages, Layout::Local];
        let declared: Vec<&Interpreter> = declared.iter().collect();
        assert_eq!(layouts(&declared, &none), expected);
        assert_eq!(layouts(&declared[2..], &none), [Layout::Local]);
        let chosen = Variables::from([(DEBIAN_LAYOUT, "deb")]);
        assert_eq!(layouts(&declared, &chosen), [Layout::Own; 3]);
    }

    #[test]
    fn the_site_directory_follows_the_layout() {
        for (layout, given, site) in [
            (
                Layout::Packages,
                Variables::default(),
                "/usr/lib/python3/dist-packages",
            ),
            (Layout::Local, Variables::default(), "/usr/local/lib/x"),
            (
                Layout::Own,
                Variables::from([(DEBIAN_LAYOUT, "deb")]),
                "/usr/lib/python3/dist-packages",
            ),
        ] {
            let mut variables = given;
            describe(&mut variables, &interpreter("python3.11", true), layout);
            assert_eq!(variables.get("PYTHON_SITEDIR").unwrap(), site, "{layout:?}");
            assert_eq!(variables.get("EPYTHON").unwrap(), "python3.11");
            assert_eq!(
                variables.get("PYTHON_SCRIPTDIR").unwrap(),
                "/usr/lib/python-exec/python3.11"
            );
            assert_eq!(variables.get("PYTHON_LIBPATH"), None);
        }
    }
}
