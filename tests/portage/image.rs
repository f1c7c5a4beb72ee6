//! Compares two images: paths, types, modes, link targets and contents.
//!
//! It ignores the time in a `.pyc` and which of its equal objects are shared, which varies from run to run. In a
//! compiled object it ignores what depends on the build directory: debug information and the build-id.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::{pythons, tree};

/// The differences, a line for each path.
pub(crate) fn differences(left: &Path, right: &Path) -> Vec<String> {
    let paths: BTreeSet<PathBuf> = [left, right].into_iter().flat_map(tree::paths).collect();
    assert!(
        !paths.is_empty(),
        "{} and its twin are empty",
        left.display()
    );
    paths
        .iter()
        .filter_map(|path| {
            let what = difference(&left.join(path), &right.join(path))?;
            Some(format!("{}: {what}", path.display()))
        })
        .collect()
}

fn difference(left: &Path, right: &Path) -> Option<String> {
    let (Ok(here), Ok(there)) = (left.symlink_metadata(), right.symlink_metadata()) else {
        return Some("in one of them only".into());
    };
    if here.mode() != there.mode() {
        return Some(format!("mode {:o} and {:o}", here.mode(), there.mode()));
    }
    if here.is_symlink() {
        let (here, there) = (fs::read_link(left).ok(), fs::read_link(right).ok());
        return (here != there).then(|| format!("links to {here:?} and {there:?}"));
    }
    if !here.is_file() {
        return None;
    }
    let [one, other] = [left, right].map(|path| fs::read(path).expect("a readable file"));
    let same = one == other
        || match &one[..] {
            [0x7f, b'E', b'L', b'F', ..] => {
                without_build_directory(left) == without_build_directory(right)
            }
            _ if left.extension().is_some_and(|e| e == "pyc") => same_code(left, &one, &other),
            _ => false,
        };
    (!same).then(|| "other content".into())
}

/// Whether two files of byte code say the same, for the interpreter that the first one's name tells.
fn same_code(path: &Path, one: &[u8], other: &[u8]) -> bool {
    // Magic number and flags, then time and size of the source, or a hash of it.
    const HEADER: usize = 16;
    if one.get(..8) != other.get(..8) {
        return false;
    }
    one.get(HEADER..) == other.get(HEADER..) || unshared(path, one) == unshared(path, other)
}

/// The code written again with no object shared.
fn unshared(path: &Path, code: &[u8]) -> Vec<u8> {
    let name = path.to_string_lossy();
    let tag = name.split(".cpython-3").nth(1).expect("a name with a tag");
    let minor: String = tag.chars().take_while(char::is_ascii_digit).collect();
    let python = format!("python3.{minor}");
    let interpreter = pythons::all()
        .into_iter()
        .find(|found| found.epython == python)
        .unwrap_or_else(|| panic!("{python} is needed to look into {name}"));
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), code).expect("a copy of the code");
    let script = "import marshal, sys\n\
                  code = marshal.loads(open(sys.argv[1], 'rb').read()[16:])\n\
                  sys.stdout.buffer.write(marshal.dumps(code, 2))";
    let output = Command::new(interpreter.path)
        .args(["-c", script])
        // A set is written in the order of its hashes, which shall be that of the other side.
        .env("PYTHONHASHSEED", "0")
        .arg(file.path())
        .output()
        .expect("the interpreter starts");
    assert!(output.status.success(), "{name} is no byte code");
    output.stdout
}

fn without_build_directory(object: &Path) -> Vec<u8> {
    let bare = tempfile::NamedTempFile::new().expect("a temporary file");
    let status = Command::new("objcopy")
        .args(["--strip-debug", "--remove-section=.note.gnu.build-id"])
        .args([object, bare.path()])
        .status()
        .expect("objcopy starts: apt-get install binutils");
    assert!(status.success(), "objcopy {}", object.display());
    fs::read(bare.path()).expect("what objcopy wrote")
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::{lay, scratch};

    const TREE: &str = "usr/bin/a 755 \"#!/bin/sh\\n\"\n\
                        usr/lib/m.pyc 644 \"magi\\x00\\x00\\x00\\x00timesizecode\"\n\
                        usr/lib/link -> m.pyc\n";

    /// Byte code of a Python, and a name for its file.
    fn byte_code(python: &pythons::Python, source: &str) -> (String, Vec<u8>) {
        let script =
            format!("import marshal, sys; sys.stdout.buffer.write(marshal.dumps({source}))");
        let output = Command::new(&python.path)
            .args(["-c", &script])
            .env("PYTHONHASHSEED", "0")
            .output()
            .expect("a run");
        assert!(output.status.success(), "{output:?}");
        let tag = python.epython.replace("python3.", "cpython-3");
        let code = [b"magiflagtimesize".as_slice(), &output.stdout].concat();
        (format!("m.{tag}.pyc"), code)
    }

    #[test]
    fn shared_objects_are_no_difference_and_other_code_is() {
        let all = pythons::all();
        for python in all.iter().filter(|python| python.epython != "python2.7") {
            // One object twice, and two that are equal; and a set, which Pythons before 3.11 write in the order
            // of its hashes.
            let code = |both| {
                let source = format!("(lambda s: ({both}, frozenset(dir(sys))))(sys.version * 2)");
                byte_code(python, &source)
            };
            let (name, shared) = code("s, s");
            let (_, apart) = code("s, sys.version * 2");
            let (_, another) = code("s, sys.version * 3");
            assert_ne!(shared, apart);
            assert!(same_code(Path::new(&name), &shared, &apart), "{name}");
            assert!(!same_code(Path::new(&name), &shared, &another), "{name}");
        }
    }

    fn compared_with(changed: &str) -> Vec<String> {
        let (one, other) = (scratch(), scratch());
        lay(one.path(), TREE);
        lay(other.path(), changed);
        differences(one.path(), other.path())
    }

    #[test]
    fn equal_images_and_times_in_a_pyc_are_no_difference() {
        for equal in [TREE, &TREE.replace("timesize", "TIMESIZE")] {
            assert_eq!(compared_with(equal), Vec::<String>::new());
        }
    }

    #[test]
    fn every_other_change_is_one() {
        for (from, to, what) in [
            ("755", "711", "usr/bin/a: mode 100755 and 100711"),
            ("/bin/sh", "/bin/ash", "usr/bin/a: other content"),
            ("magi", "MAGI", "usr/lib/m.pyc: other content"),
            ("-> m.pyc", "-> n.pyc", "usr/lib/link: links to "),
            (
                "usr/lib/link",
                "usr/lib/lonk",
                "usr/lib/link: in one of them only",
            ),
        ] {
            let found = compared_with(&TREE.replace(from, to));
            assert!(found[0].starts_with(what), "{found:?}");
        }
    }
}
