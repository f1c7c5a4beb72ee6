//! Trees as text: one line for each name. The same text makes a tree and describes one.
//!
//! ```text
//! usr/bin/ 755
//! usr/bin/foo 755 "#!/bin/sh\n"
//! usr/bin/bar -> foo
//! usr/bin/baz == usr/bin/foo
//! ```
//!
//! The name of a directory ends in a slash; parents without a line of their own get mode 755. `->` is a symlink, `==`
//! a hard link to an earlier name. Contents are Rust string literals.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Makes the tree that `text` describes under `root`, and `root` itself if it is missing.
///
/// # Panics
/// When a line cannot be read or carried out.
#[track_caller]
pub fn lay(root: &Path, text: &str) {
    fs::create_dir_all(root).expect("the root of the tree");
    let mut modes = Vec::new();
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        lay_line(root, line, &mut modes);
    }
    // Modes of directories come last and innermost first, because a mode may forbid to write.
    for (path, mode) in modes.into_iter().rev() {
        set_mode(&path, mode);
    }
}

fn lay_line(root: &Path, line: &str, modes: &mut Vec<(PathBuf, u32)>) {
    if let Some((name, target)) = line.split_once(" -> ") {
        symlink(target, in_parent(root, name)).expect(line);
    } else if let Some((name, first)) = line.split_once(" == ") {
        fs::hard_link(root.join(first), in_parent(root, name)).expect(line);
    } else {
        let mut words = line.splitn(3, ' ');
        let name = words.next().expect(line);
        let mode = words.next().expect("a mode after the name");
        let mode = u32::from_str_radix(mode, 8).expect(line);
        let path = in_parent(root, name);
        if name.ends_with('/') {
            fs::create_dir_all(&path).expect(line);
            modes.push((path, mode));
        } else {
            let literal = words.next().unwrap_or("\"\"");
            fs::write(&path, unquoted(literal)).expect(line);
            set_mode(&path, mode);
        }
    }
}

fn in_parent(root: &Path, name: &str) -> PathBuf {
    let path = root.join(name);
    let parent = path.parent().expect("a name below the root");
    fs::create_dir_all(parent).expect(name);
    path
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set the mode");
}

/// The content of a literal; it may have the escapes `\n`, `\r`, `\t`, `\\`, `\"` and `\xNN`.
fn unquoted(literal: &str) -> Vec<u8> {
    let inner = literal
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or_else(|| panic!("a content is a literal: {literal}"));
    let mut bytes = Vec::new();
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        bytes.push(match rest.next() {
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some(same @ ('\\' | '"')) => same as u8,
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                u8::from_str_radix(&digits, 16).expect("two digits after \\x")
            }
            other => panic!("unknown escape {other:?} in {literal}"),
        });
    }
    bytes
}

/// The tree under `root` as text, sorted by path; [`lay`] of that text makes the same tree.
///
/// # Panics
/// When something in it cannot be read.
#[must_use]
pub fn listing(root: &Path) -> String {
    let mut seen = Seen::new();
    let lines = paths(root)
        .into_iter()
        .map(|path| line(root, &path, &mut seen));
    lines.collect()
}

/// The paths below `root`, relative to it; a directory comes before its entries, which are sorted by name.
///
/// # Panics
/// When a directory cannot be read.
#[must_use]
pub fn paths(root: &Path) -> Vec<PathBuf> {
    let entries = WalkDir::new(root).min_depth(1).sort_by_file_name();
    let below = |entry: walkdir::DirEntry| entry.path().strip_prefix(root).map(Path::to_owned);
    entries
        .into_iter()
        .map(|entry| below(entry.expect("a readable directory")).expect("a path below the root"))
        .collect()
}

/// The first name of each file that has several.
type Seen = BTreeMap<(u64, u64), String>;

fn line(root: &Path, path: &Path, seen: &mut Seen) -> String {
    let full = root.join(path);
    let data = full.symlink_metadata().expect("metadata");
    let shown = path.display();
    let mode = data.mode() & 0o7777;
    let kind = data.file_type();
    if kind.is_dir() {
        return format!("{shown}/ {mode:o}\n");
    }
    if data.nlink() > 1 {
        if let Some(first) = seen.get(&(data.dev(), data.ino())) {
            return format!("{shown} == {first}\n");
        }
        seen.insert((data.dev(), data.ino()), shown.to_string());
    }
    if kind.is_symlink() {
        let target = fs::read_link(&full).expect("a link");
        format!("{shown} -> {}\n", target.display())
    } else if kind.is_file() {
        let content = fs::read(&full).expect("a readable file");
        format!("{shown} {mode:o} \"{}\"\n", content.escape_ascii())
    } else if kind.is_fifo() {
        format!("{shown} {mode:o} fifo\n")
    } else if kind.is_socket() {
        format!("{shown} {mode:o} socket\n")
    } else {
        format!("{shown} {mode:o} device {:x}\n", data.rdev())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_comes_back_as_it_was_laid() {
        let root = crate::scratch();
        let text = "usr/ 755\n\
                    usr/bin/ 2750\n\
                    usr/bin/a 755 \"#!/bin/sh\\n\\xff\\\"\"\n\
                    usr/bin/b == usr/bin/a\n\
                    usr/bin/c -> gone\n";
        lay(root.path(), text);
        assert_eq!(listing(root.path()), text);
    }
}
