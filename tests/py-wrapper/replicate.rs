//! One script for several implementations.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use test_support::{Tool, cannot_run_here, lay, listing, need_command, scratch};

fn replicate(image: &Path, words: &[&str]) -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_py-wrapper"))
        .args([
            "-q",
            "--impl",
            "python3.11,pypy3",
            "--kind=link",
            "--replicate",
        ])
        .args(words)
        .arg(image)
}

const DONE: &str = "usr/ 755\n\
    usr/bin/ 755\n\
    usr/bin/foo -> ../lib/python-exec/py-exec2\n\
    usr/lib/ 755\n\
    usr/lib/python-exec/ 755\n\
    usr/lib/python-exec/pypy3/ 755\n\
    usr/lib/python-exec/pypy3/foo 755 \"#!/usr/bin/pypy3\\nx\\n\"\n\
    usr/lib/python-exec/python3.11/ 755\n\
    usr/lib/python-exec/python3.11/foo 755 \"#!/usr/bin/python3.11\\nx\\n\"\n";

#[test]
fn a_file_from_outside_is_installed_in_the_bin_directory() {
    let (image, other) = (scratch(), scratch());
    lay(other.path(), "foo 755 \"#!/usr/bin/env python3.12\\nx\\n\"");
    let file = other.path().join("foo");
    replicate(image.path(), &[file.to_str().unwrap()])
        .run()
        .expect(0);
    assert_eq!(listing(image.path()), DONE);
    assert!(file.exists());
    replicate(image.path(), &[file.to_str().unwrap()])
        .run()
        .expect(1);
    assert_eq!(listing(image.path()), DONE);
}

#[test]
fn a_file_of_the_image_is_replaced_in_its_place() {
    let image = scratch();
    lay(image.path(), "usr/bin/foo 755 \"#!/usr/bin/python\\nx\\n\"");
    let file = image.path().join("usr/bin/foo");
    replicate(image.path(), &[file.to_str().unwrap()])
        .run()
        .expect(0);
    assert_eq!(listing(image.path()), DONE);
}

#[test]
fn all_files_or_none() {
    let image = scratch();
    lay(
        image.path(),
        "usr/bin/foo 755 \"#!/usr/bin/python\\nx\\n\"\nusr/bin/old 755 \"#!/usr/bin/python2.7\\n\"",
    );
    let before = listing(image.path());
    let files = ["foo", "old"].map(|name| image.path().join("usr/bin").join(name));
    let files = files.each_ref().map(|file| file.to_str().unwrap());
    replicate(image.path(), &files)
        .run()
        .expect(1)
        .complains("names python2.7");
    assert_eq!(listing(image.path()), before);
    replicate(image.path(), &[])
        .run()
        .expect(2)
        .complains("--replicate needs FILE... and IMAGE");
    let forced = [&["--force"][..], &files].concat();
    replicate(image.path(), &forced).run().expect(0);
    let script = fs::read_to_string(image.path().join("usr/lib/python-exec/pypy3/old")).unwrap();
    assert_eq!(script, "#!/usr/bin/pypy3\n");
}

#[test]
fn a_file_from_outside_keeps_only_its_content() {
    for kind in ["script", "link"] {
        let (image, other) = (scratch(), scratch());
        lay(other.path(), "foo 644 \"#!/usr/bin/python3\\nx\\n\"");
        let file = other.path().join("foo");
        xattr::set(&file, "user.test", b"value").unwrap();
        let root = rustix::process::geteuid().is_root();
        if root {
            chown(&file, Some(1234), Some(4321)).unwrap();
            chown(image.path(), Some(2345), Some(5432)).unwrap();
        }
        let words = ["-q", "--impl=python3.11", "--kind", kind, "--replicate"];
        let tool = Tool::new(env!("CARGO_BIN_EXE_py-wrapper")).args(words);
        tool.args([&file, image.path()]).run().expect(0);
        let script = image.path().join("usr/lib/python-exec/python3.11/foo");
        let wrapper = image.path().join("usr/bin/foo");
        let (made, own) = (rustix::process::geteuid(), rustix::process::getegid());
        for path in [&script, &wrapper] {
            let data = path.symlink_metadata().unwrap();
            assert_eq!((data.uid(), data.gid()), (made.as_raw(), own.as_raw()));
            assert!(data.is_symlink() || data.mode() & 0o7777 == 0o755, "{kind}");
        }
        assert_eq!(xattr::get(&script, "user.test").unwrap(), None);
        for dir in ["usr", "usr/bin", "usr/lib/python-exec/python3.11"] {
            let data = image.path().join(dir).metadata().unwrap();
            let like = image.path().metadata().unwrap();
            assert_eq!((data.uid(), data.gid()), (like.uid(), like.gid()), "{dir}");
        }
    }
}

#[test]
fn a_user_can_replicate_a_readable_file_of_another_user() {
    need_command("setpriv", "util-linux");
    if !rustix::process::geteuid().is_root() {
        let test = "a_user_can_replicate_a_readable_file_of_another_user";
        return cannot_run_here(test, "it has a file of another user, as root");
    }
    let (image, other) = (scratch(), scratch());
    lay(other.path(), "foo 755 \"#!/usr/bin/python3\\nx\\n\"");
    fs::set_permissions(other.path(), fs::Permissions::from_mode(0o755)).unwrap();
    chown(image.path(), Some(12345), Some(12345)).unwrap();
    let user = ["--reuid=12345", "--regid=12345", "--clear-groups"];
    Tool::new("setpriv")
        .args(user)
        .arg(env!("CARGO_BIN_EXE_py-wrapper"))
        .args([
            "-q",
            "--impl=python3.11,pypy3",
            "--kind=link",
            "--replicate",
        ])
        .args([&other.path().join("foo"), image.path()])
        .run()
        .expect(0);
    assert_eq!(listing(image.path()), DONE);
}

#[test]
fn two_files_of_one_name_are_refused() {
    let (image, other) = (scratch(), scratch());
    let line = "755 \"#!/usr/bin/python3\\n\"";
    lay(other.path(), &format!("a/foo {line}\nb/foo {line}"));
    let files = ["a/foo", "b/foo"].map(|name| other.path().join(name));
    let files = files.each_ref().map(|file| file.to_str().unwrap());
    replicate(image.path(), &files)
        .run()
        .expect(1)
        .complains("b/foo: another FILE has the same name");
    assert_eq!(listing(image.path()), "");
}

#[test]
fn a_killed_run_is_finished_and_cleaned_by_the_next_one() {
    let left = "usr/lib/python-exec/pypy3/foo 755 \"#!/usr/bin/pypy3\\nx\\n\"\n\
         usr/lib/python-exec/pypy3/.py-wrapper.1.1 600 \"\"\n\
         usr/lib/python-exec/python3.11/.py-wrapper.1.2 600 \"\"\n\
         usr/bin/.py-wrapper.1.3 600 \"\"\n";
    let script = "foo 755 \"#!/usr/bin/python\\nx\\n\"";
    let image = scratch();
    lay(image.path(), &format!("usr/bin/{script}\n{left}"));
    let file = image.path().join("usr/bin/foo");
    let tool = replicate(image.path(), &[file.to_str().unwrap()]);
    tool.run().expect(0);
    assert_eq!(listing(image.path()), DONE);

    let (image, other) = (scratch(), scratch());
    lay(image.path(), left);
    lay(other.path(), script);
    let file = other.path().join("foo");
    let tool = replicate(image.path(), &[file.to_str().unwrap()]);
    tool.run().expect(0);
    assert_eq!(listing(image.path()), DONE);

    // Another script of that name is in the way.
    let image = scratch();
    lay(image.path(), &left.replace("x\\n", "y\\n"));
    let before = listing(image.path());
    replicate(image.path(), &[file.to_str().unwrap()])
        .run()
        .expect(1)
        .complains("replicate to /usr/lib/python-exec/pypy3/foo: is there already");
    assert_eq!(listing(image.path()), before);
}

#[test]
fn a_file_of_the_image_is_recognized_by_any_path() {
    let (image, other) = (scratch(), scratch());
    lay(image.path(), "usr/bin/foo 755 \"#!/usr/bin/python\\nx\\n\"");
    symlink(image.path(), other.path().join("link")).unwrap();
    let file = other.path().join("link/usr/bin/foo");
    replicate(image.path(), &[file.to_str().unwrap()])
        .run()
        .expect(0);
    assert_eq!(listing(image.path()), DONE);

    let image = scratch();
    lay(image.path(), "usr/bin/foo 755 \"#!/usr/bin/python\\nx\\n\"");
    replicate(image.path(), &["foo"])
        .in_directory(image.path().join("usr/bin"))
        .run()
        .expect(0);
    assert_eq!(listing(image.path()), DONE);
}
