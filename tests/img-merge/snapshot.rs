//! Reads a tree back as the kernel tells it, with plain path calls of its own: the oracle of the tests.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Everything below a root, by path; the root itself is the empty path.
pub(crate) type Snapshot = BTreeMap<PathBuf, Entry>;

/// All that a merge has to bring, ctime and atime apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) modified: (i64, i64),
    pub(crate) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The first path of its link group.
    pub(crate) group: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File(Vec<u8>),
    Symlink(PathBuf),
    Fifo,
    Socket,
    Character(u64),
    Block(u64),
}

/// Reads the tree at `root`.
pub(crate) fn snapshot(root: &Path) -> Snapshot {
    let mut entries = Snapshot::new();
    let mut groups = BTreeMap::new();
    read(root, Path::new(""), &mut entries, &mut groups);
    // A file whose other names lie outside of the tree is in no group of it.
    let firsts: Vec<_> = entries.values().filter_map(|e| e.group.clone()).collect();
    for entry in entries.values_mut() {
        let members = |first: &PathBuf| firsts.iter().filter(|other| *other == first).count();
        entry.group = entry.group.take().filter(|first| members(first) > 1);
    }
    entries
}

/// The same without the root itself.
pub(crate) fn contents(root: &Path) -> Snapshot {
    let mut entries = snapshot(root);
    entries.remove(Path::new(""));
    entries
}

type Groups = BTreeMap<(u64, u64), PathBuf>;

fn read(root: &Path, below: &Path, entries: &mut Snapshot, groups: &mut Groups) {
    let path = join(root, below);
    let data = path.symlink_metadata().expect("metadata");
    let kind = kind_of(&path, &data);
    let first = (data.nlink() > 1 && kind != Kind::Directory).then(|| {
        let first = groups.entry((data.dev(), data.ino()));
        first.or_insert_with(|| below.to_owned()).clone()
    });
    let is_dir = kind == Kind::Directory;
    let entry = Entry {
        kind,
        mode: data.mode() & 0o7777,
        uid: data.uid(),
        gid: data.gid(),
        modified: (data.mtime(), data.mtime_nsec()),
        xattrs: xattrs(&path),
        group: first,
    };
    entries.insert(below.to_owned(), entry);
    if is_dir {
        let names = fs::read_dir(&path).expect("a directory");
        let mut names: Vec<OsString> = names.map(|e| e.expect("an entry").file_name()).collect();
        names.sort();
        for name in names {
            read(root, &below.join(name), entries, groups);
        }
    }
}

fn join(root: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() {
        root.to_owned()
    } else {
        root.join(below)
    }
}

fn kind_of(path: &Path, data: &fs::Metadata) -> Kind {
    let kind = data.file_type();
    if kind.is_dir() {
        Kind::Directory
    } else if kind.is_symlink() {
        Kind::Symlink(fs::read_link(path).expect("a link"))
    } else if kind.is_file() {
        Kind::File(fs::read(path).expect("a file"))
    } else if kind.is_fifo() {
        Kind::Fifo
    } else if kind.is_socket() {
        Kind::Socket
    } else if kind.is_char_device() {
        Kind::Character(data.rdev())
    } else {
        Kind::Block(data.rdev())
    }
}

fn xattrs(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut names = vec![0; 64 * 1024];
    let length = match rustix::fs::llistxattr(path, names.as_mut_slice()) {
        Ok(length) => length,
        Err(rustix::io::Errno::OPNOTSUPP) => 0,
        Err(cause) => panic!("list xattrs of {}: {cause}", path.display()),
    };
    let names = names[..length].split(|&byte| byte == 0);
    let names = names.filter(|name| !name.is_empty() && *name != b"security.selinux");
    names
        .map(|name| (name.to_vec(), xattr(path, name)))
        .collect()
}

fn xattr(path: &Path, name: &[u8]) -> Vec<u8> {
    let mut value = vec![0; 64 * 1024];
    let name = OsString::from_vec(name.to_vec());
    let length = rustix::fs::lgetxattr(path, name.as_bytes(), value.as_mut_slice());
    value.truncate(length.expect("an xattr"));
    value
}

/// Asserts that two trees are the same, and shows the paths that are not.
#[track_caller]
pub(crate) fn assert_same(actual: &Snapshot, expected: &Snapshot, what: &str) {
    let paths: std::collections::BTreeSet<_> = actual.keys().chain(expected.keys()).collect();
    let differ: Vec<String> = paths
        .into_iter()
        .filter(|path| actual.get(*path) != expected.get(*path))
        .map(|path| {
            let (a, e) = (actual.get(path), expected.get(path));
            let short = |entry| format!("{entry:?}").chars().take(400).collect::<String>();
            let (a, e) = (short(a), short(e));
            format!("{}\n  is     {a}\n  should {e}", path.display())
        })
        .collect();
    assert!(differ.is_empty(), "{what}:\n{}", differ.join("\n"));
}
