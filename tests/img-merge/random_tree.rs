//! Random trees: all file types, names of any bytes, link groups, xattrs, ACLs, modes, owners, times.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};

/// One name of a random tree.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    path: PathBuf,
    what: What,
    mode: u32,
    owner: (u32, u32),
    modified: (i64, i64),
    xattr: Option<u8>,
    acl: bool,
}

#[derive(Debug, Clone)]
enum What {
    Directory,
    File(u8),
    Sparse(u8),
    Symlink(u8),
    Fifo,
    Socket,
    Device(u8),
    /// One more name of an earlier node.
    Link(prop::sample::Index),
}

const NAMES: [&[u8]; 8] = [
    b"a",
    b"b",
    b"c\nd",
    b"\xff\xfe",
    b"e f",
    b"-n",
    b".g",
    b"usr",
];

/// A random tree, in the order in which it is laid.
pub(crate) fn tree() -> impl Strategy<Value = Vec<Node>> {
    vec(node(), 1..25)
}

fn node() -> impl Strategy<Value = Node> {
    let name = prop::sample::select(NAMES.as_slice());
    let path = vec(name, 1..4).prop_map(|names| {
        let names = names.into_iter().map(OsStr::from_bytes);
        names.collect::<PathBuf>()
    });
    let what = prop_oneof![
        4 => Just(What::Directory),
        6 => (0..3_u8).prop_map(What::File),
        1 => (0..2_u8).prop_map(What::Sparse),
        2 => (0..3_u8).prop_map(What::Symlink),
        1 => Just(What::Fifo),
        1 => Just(What::Socket),
        1 => (0..2_u8).prop_map(What::Device),
        3 => any::<prop::sample::Index>().prop_map(What::Link),
    ];
    let mode = prop::sample::select(vec![
        0o644, 0o600, 0o755, 0o4755, 0o2711, 0o1777, 0o555, 0o000,
    ]);
    let owner = prop::sample::select(vec![(0, 0), (0, 0), (1000, 1000), (0, 50)]);
    let modified = (1..2_000_000_000_i64, 0..1_000_000_000_i64);
    let xattr = prop::option::weighted(0.2, 0..3_u8);
    let acl = prop::bool::weighted(0.1);
    (path, what, mode, owner, modified, xattr, acl).prop_map(
        |(path, what, mode, owner, modified, xattr, acl)| Node {
            path,
            what,
            mode,
            owner,
            modified,
            xattr,
            acl,
        },
    )
}

/// Lays the tree at `root`. A node whose path is taken or lies below a file is left out.
pub(crate) fn lay(root: &Path, nodes: &[Node]) {
    fs::create_dir_all(root).expect("the root");
    let mut laid: Vec<&Node> = Vec::new();
    for node in nodes {
        let path = root.join(&node.path);
        let below_file = path
            .ancestors()
            .skip(1)
            .any(|above| above.symlink_metadata().is_ok_and(|data| !data.is_dir()));
        if below_file || path.symlink_metadata().is_ok() {
            continue;
        }
        fs::create_dir_all(path.parent().expect("a parent")).expect("parents");
        if make(root, &path, &node.what, &laid) {
            laid.push(node);
        }
    }
    dress_all(root, &laid);
}

/// Whether a new inode was made that is to be dressed.
fn make(root: &Path, path: &Path, what: &What, laid: &[&Node]) -> bool {
    match what {
        What::Directory => fs::create_dir(path).expect("a directory"),
        What::File(content) => fs::write(path, vec![b'x'; usize::from(*content)]).expect("a file"),
        What::Sparse(content) => {
            let file = File::create(path).expect("a file");
            file.set_len(1 << 20).expect("a hole");
            file.write_at(&[*content; 10], 300_000).expect("data");
        }
        What::Symlink(to) => {
            symlink(["nowhere", "usr", "../a"][usize::from(*to)], path).expect("a link");
        }
        What::Fifo => special(path, FileType::Fifo, 0),
        What::Socket => drop(UnixListener::bind(short(path)).expect("a socket")),
        What::Device(minor) => {
            special(
                path,
                FileType::CharacterDevice,
                rustix::fs::makedev(1, 3 + u32::from(*minor)),
            );
        }
        What::Link(which) => {
            let files: Vec<_> = laid
                .iter()
                .filter(|n| !matches!(n.what, What::Directory))
                .collect();
            if !files.is_empty() {
                let first = root.join(&files[which.index(files.len())].path);
                fs::hard_link(first, path).expect("a hard link");
            }
            return false;
        }
    }
    true
}

/// A socket's address holds 108 bytes; through /proc the directory is short.
fn short(path: &Path) -> PathBuf {
    use std::os::fd::AsRawFd;
    let parent = File::open(path.parent().expect("a parent")).expect("the parent");
    let short = PathBuf::from(format!("/proc/self/fd/{}", parent.as_raw_fd()));
    // Open while the test runs; a handful of handles.
    std::mem::forget(parent);
    short.join(path.file_name().expect("a name"))
}

fn special(path: &Path, kind: FileType, device: u64) {
    rustix::fs::mknodat(CWD, path, kind, Mode::RUSR, device).expect("a special file");
}

fn dress_all(root: &Path, laid: &[&Node]) {
    let mut inner_first = laid.to_vec();
    inner_first.sort_by(|a, b| b.path.cmp(&a.path));
    for node in inner_first {
        dress(&root.join(&node.path), node);
    }
}

fn dress(path: &Path, node: &Node) {
    let is_link = matches!(node.what, What::Symlink(_));
    lchown(path, Some(node.owner.0), Some(node.owner.1)).expect("chown: these tests run as root");
    if let Some(value) = node.xattr {
        let can_be_users = matches!(node.what, What::Directory | What::File(_) | What::Sparse(_));
        let name = if can_be_users {
            "user.test"
        } else {
            "trusted.test"
        };
        rustix::fs::lsetxattr(path, name, &[value; 3], XattrFlags::empty()).expect("an xattr");
    }
    if node.acl && !is_link {
        set_acl(path, "system.posix_acl_access");
        if matches!(node.what, What::Directory) {
            set_acl(path, "system.posix_acl_default");
        }
    }
    if !is_link {
        fs::set_permissions(path, fs::Permissions::from_mode(node.mode)).expect("chmod");
    }
    let time = Timespec {
        tv_sec: node.modified.0,
        tv_nsec: node.modified.1,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("times");
}

/// `u::rwx u:1000:r g::r m::rx o::r`, as acl(5) is kept in an xattr.
fn set_acl(path: &Path, name: &str) {
    const UNDEFINED: u32 = u32::MAX;
    let entries: [(u16, u16, u32); 5] = [
        (0x01, 7, UNDEFINED),
        (0x02, 4, 1000),
        (0x04, 4, UNDEFINED),
        (0x10, 5, UNDEFINED),
        (0x20, 4, UNDEFINED),
    ];
    let mut value = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        value.extend(tag.to_le_bytes());
        value.extend(permissions.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    rustix::fs::lsetxattr(path, name, &value, XattrFlags::empty()).expect("an ACL");
}
