//! Trees as text: one line for each name, the same form to lay a tree and to read it back.
//!
//! ```text
//! usr/bin/ 755
//! usr/bin/foo 755 "#!/bin/sh\n"
//! usr/bin/bar -> foo
//! usr/bin/baz == usr/bin/foo
//! ```
//!
//! A directory ends in a slash; parents need no line of their own (they get 755). `->` is a symlink,
//! `==` a hard link to a name laid before it. Contents are Rust string literals.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// Lays the tree that `text` describes under `root`, which is made if it is missing.
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
    // Modes of directories last and innermost first: one may forbid to write.
    for (path, mode) in modes.into_iter().rev() {
        set_mode(&path, mode);
    }
}

fn lay_line(root: &Path, line: &str, modes: &mut Vec<(std::path::PathBuf, u32)>) {
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

fn in_parent(root: &Path, name: &str) -> std::path::PathBuf {
    let path = root.join(name);
    let parent = path.parent().expect("a name below the root");
    fs::create_dir_all(parent).expect(name);
    path
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set the mode");
}

/// The content that a literal stands for: `\n`, `\t`, `\\`, `\"` and `\xNN` are known.
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

/// The tree under `root` as text, sorted by path; what [`lay`] reads comes back the same.
///
/// # Panics
/// When something in it cannot be read.
#[must_use]
pub fn listing(root: &Path) -> String {
    let mut text = String::new();
    list_into(root, Path::new(""), &mut BTreeMap::new(), &mut text);
    text
}

type Seen = BTreeMap<(u64, u64), String>;

fn list_into(root: &Path, below: &Path, seen: &mut Seen, text: &mut String) {
    let mut names: Vec<_> = fs::read_dir(root.join(below))
        .expect("a readable directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    for name in names {
        let path = below.join(name);
        list_one(root, &path, seen, text);
    }
}

fn list_one(root: &Path, path: &Path, seen: &mut Seen, text: &mut String) {
    let full = root.join(path);
    let data = full.symlink_metadata().expect("metadata");
    let shown = path.display();
    let mode = data.mode() & 0o7777;
    let kind = data.file_type();
    if kind.is_dir() {
        writeln!(text, "{shown}/ {mode:o}").expect("text grows");
        return list_into(root, path, seen, text);
    }
    if data.nlink() > 1 {
        if let Some(first) = seen.get(&(data.dev(), data.ino())) {
            writeln!(text, "{shown} == {first}").expect("text grows");
            return;
        }
        seen.insert((data.dev(), data.ino()), shown.to_string());
    }
    let line = if kind.is_symlink() {
        let target = fs::read_link(&full).expect("a link");
        format!("{shown} -> {}", target.display())
    } else if kind.is_file() {
        let content = fs::read(&full).expect("a readable file");
        format!("{shown} {mode:o} \"{}\"", content.escape_ascii())
    } else if kind.is_fifo() {
        format!("{shown} {mode:o} fifo")
    } else if kind.is_socket() {
        format!("{shown} {mode:o} socket")
    } else {
        format!("{shown} {mode:o} device {:x}", data.rdev())
    };
    writeln!(text, "{line}").expect("text grows");
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
