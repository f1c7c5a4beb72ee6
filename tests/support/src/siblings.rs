//! The other programs of the workspace, for tests that need more than the program of their own package.
//!
//! `cargo test -p py-foreach` builds py-foreach alone. A program that is missing, or older than its sources, is built
//! here.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The program `name` of the workspace, in the directory of `program`.
///
/// # Panics
/// When it is missing and cargo cannot build it.
pub fn sibling(program: &str, name: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let path = Path::new(program).with_file_name(name);
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if !is_fresh(&path) {
        build(&path, name);
    }
    crate::need_path(&path, "run cargo build --workspace --bins");
    path
}

/// Whether `program` is there and newer than the sources in the list that cargo writes beside it.
fn is_fresh(program: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let list = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let (Some(built), Some((_, sources))) = (changed(program), list.split_once(": ")) else {
        return false;
    };
    let is_older = |source: &PathBuf| changed(source).is_some_and(|time: SystemTime| time <= built);
    paths(sources).iter().all(is_older)
}

/// The paths of a rule of make, where a blank in a name has a backslash before it.
fn paths(words: &str) -> Vec<PathBuf> {
    let whole = words.trim_end().replace("\\ ", "\0");
    let words = whole.split(' ').filter(|word| !word.is_empty());
    words.map(|word| word.replace('\0', " ").into()).collect()
}

/// Builds `program`, that of the package `name`, in its directory `TARGET/PROFILE`.
fn build(program: &Path, name: &str) {
    let directory = program.parent().expect("a directory of programs");
    let profile = match directory.file_name().and_then(OsStr::to_str) {
        Some("debug") => "dev",
        Some(name) => name,
        None => panic!("{} names no profile of cargo", directory.display()),
    };
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--locked", "--bins"])
        .arg("--package")
        .arg(name)
        .arg(format!("--profile={profile}"))
        .arg("--target-dir")
        .arg(directory.parent().expect("a target directory"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let status = cargo.status().expect("cargo starts");
    assert!(
        status.success(),
        "{name}, which this test needs, cannot be built: {cargo:?}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch;

    #[test]
    fn a_program_is_fresh_until_a_source_changes() {
        let root = scratch();
        let at = |name: &str| root.path().join(name);
        fs::write(at("program"), "").unwrap();
        assert!(!is_fresh(&at("program")), "cargo wrote no list");
        let shown = at("a b.rs").display().to_string().replace(' ', "\\ ");
        fs::write(at("program.d"), format!("program: {shown}\n")).unwrap();
        assert!(!is_fresh(&at("program")), "the source is missing");
        fs::write(at("a b.rs"), "").unwrap();
        fs::write(at("program"), "").unwrap();
        assert!(is_fresh(&at("program")));
        let file = fs::File::create(at("a b.rs")).unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        file.set_modified(later).unwrap();
        assert!(!is_fresh(&at("program")));
    }
}
