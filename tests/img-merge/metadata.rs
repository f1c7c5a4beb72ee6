//! What is made has its source's metadata, whatever the place would give it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;
use std::process::Command;

use test_support::{Tool, lay, need_command, scratch};

use crate::disk::{Disk, Format};
use crate::merge;
use crate::snapshot::{assert_same, snapshot};

#[test]
fn a_set_gid_destination_gives_no_group() {
    for method in ["link", "copy"] {
        for group in [0_u32, 1234] {
            let root = scratch();
            lay(
                root.path(),
                "i/sub/below/f 644 \"f\"\ni/both/x 644 \"x\"\nj/both/y 644 \"y\"\nd/ 755",
            );
            let dest = root.path().join("d");
            for path in ["i", "j", "d"] {
                let path = root.path().join(path);
                lchown(&path, None, Some(1234)).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o2775)).unwrap();
            }
            for path in ["i/sub", "i/sub/below", "i/sub/below/f", "i/both", "j/both"] {
                lchown(root.path().join(path), None, Some(group)).unwrap();
            }
            let method = format!("--method={method}");
            let words = [&*method, "--dir-metadata=strict", "i", "j", "d"];
            merge(root.path(), &words).expect(0);
            merge(root.path(), &words).expect(0);
            for path in ["sub", "sub/below", "sub/below/f", "both"] {
                let made = fs::metadata(dest.join(path)).unwrap();
                assert_eq!(made.gid(), group, "{path}");
                assert_eq!(made.mode() & 0o2000, 0, "{path}");
            }
        }
    }
}

#[test]
fn a_destination_that_is_made_inherits_no_acl() {
    need_command("setfacl", "acl");
    let root = scratch();
    lay(root.path(), "i/f 644 \"f\"\np/ 755");
    let parent = root.path().join("p");
    let done = Command::new("setfacl")
        .args(["-d", "-m", "u:12345:rwx"])
        .arg(&parent)
        .status();
    assert!(done.unwrap().success());
    merge(root.path(), &["i", "p/d"]).expect(0);
    assert_same(
        &snapshot(&parent.join("d")),
        &snapshot(&root.path().join("i")),
        "made",
    );
}

#[test]
fn metadata_that_we_may_not_set_is_no_conflict_later() {
    need_command("setcap", "libcap2-bin");
    let root = scratch();
    lay(root.path(), "i/usr/f 755 \"f\"");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let done = Command::new("setcap")
        .args(["cap_net_raw+p", "i/usr/f"])
        .current_dir(root.path())
        .status();
    assert!(done.unwrap().success());
    let as_user = || {
        Tool::new("setpriv")
            .args(["--reuid=1000", "--regid=1000", "--clear-groups"])
            .arg(env!("CARGO_BIN_EXE_img-merge"))
            .args(["--method=copy", "i", "d"])
            .in_directory(root.path())
            .run()
    };
    let said = as_user().expect(0).stderr;
    assert!(
        said.contains("security.capability could not be set on 1"),
        "{said}"
    );
    let said = as_user().expect(0).stderr;
    assert!(said.contains("nothing changed"), "{said}");
    // Who may set it sees the difference.
    let root_said = merge(root.path(), &["--method=copy", "i", "d"])
        .expect(1)
        .stderr;
    assert!(root_said.contains("conflict"), "{root_said}");
}

#[test]
fn metadata_that_the_file_system_lacks_is_no_conflict_later() {
    need_command("setfacl", "acl");
    need_command("setfattr", "attr");
    let disk = Disk::new(Format::Ramfs);
    let root = scratch();
    lay(root.path(), "i/usr/f 644 \"f\"");
    for words in [
        &["setfacl", "-m", "u:12345:r", "i/usr/f"][..],
        &["setfattr", "-n", "user.x", "-v", "1", "i/usr"],
    ] {
        let done = Command::new(words[0])
            .args(&words[1..])
            .current_dir(root.path())
            .status();
        assert!(done.unwrap().success());
    }
    let dest = disk.path().join("d");
    let words = ["--method=copy", "--dir-metadata=strict", "i"];
    let again = || {
        merge(
            root.path(),
            &[&words[..], &[&dest.to_string_lossy()]].concat(),
        )
    };
    let said = again().expect(0).stderr;
    for name in ["system.posix_acl_access", "user.x"] {
        let lost = format!("{name} could not be set on 1");
        assert!(said.contains(&lost), "{said}");
    }
    let said = again().expect(0).stderr;
    assert!(said.contains("nothing changed"), "{said}");
}

/// A program with a capability, of another owner (chown takes capabilities away), and a directory with
/// both kinds of ACL.
fn lay_privileged(root: &Path) {
    need_command("setcap", "libcap2-bin");
    need_command("setfacl", "acl");
    lay(
        root,
        "usr/bin/ping 755 \"ping\"\nusr/bin/ping6 == usr/bin/ping\nusr/acl/f 640 \"f\"",
    );
    lchown(root.join("usr/bin/ping"), Some(1000), Some(1000))
        .expect("chown: this test runs as root");
    for words in [
        &["setcap", "cap_net_raw+ep", "usr/bin/ping"][..],
        &["setfacl", "-m", "u:12345:rwx,d:g:12345:rx", "usr/acl"],
        &["setfacl", "-m", "u:12345:r", "usr/acl/f"],
    ] {
        let done = Command::new(words[0])
            .args(&words[1..])
            .current_dir(root)
            .status();
        assert!(done.expect("a program").success(), "{words:?}");
    }
}

#[test]
fn capabilities_and_acls_arrive_by_every_method() {
    let far = Disk::new(Format::Tmpfs);
    let clones = Disk::new(Format::Btrfs);
    let (here, there, shared) = (scratch(), far.path(), clones.path());
    for (what, from, to) in [
        ("link", here.path(), here.path()),
        ("link", here.path(), there),
        ("copy", here.path(), here.path()),
        ("copy", here.path(), there),
        ("reflink", shared, shared),
        ("move", here.path(), here.path()),
        ("move", here.path(), there),
    ] {
        for held in ["", "usr/bin/ 755\nusr/acl/ 755"] {
            let (image, dest) = (from.join("i"), to.join("d"));
            lay_privileged(&image);
            let expected = snapshot(&image);
            for (path, name) in [
                ("usr/bin/ping", &b"security.capability"[..]),
                ("usr/acl", b"system.posix_acl_access"),
                ("usr/acl", b"system.posix_acl_default"),
                ("usr/acl/f", b"system.posix_acl_access"),
            ] {
                assert!(expected[Path::new(path)].xattrs.contains_key(name));
            }
            lay(&dest, held);
            let (method, i, d) = (
                format!("--method={what}"),
                image.display().to_string(),
                dest.display().to_string(),
            );
            merge(here.path(), &[&method, "--dir-metadata=image", &i, &d]).expect(0);
            assert_same(&snapshot(&dest), &expected, &format!("{what} to {d}"));
            for root in [image, dest] {
                drop(fs::remove_dir_all(root));
            }
        }
    }
}
