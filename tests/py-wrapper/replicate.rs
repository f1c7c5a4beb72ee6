//! One script for several implementations.

use std::fs;
use std::path::Path;

use test_support::{Tool, lay, listing, scratch};

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
fn a_file_from_elsewhere_comes_to_the_bin_directory() {
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
fn a_file_in_the_image_is_replaced_where_it_is() {
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
        .complains("--replicate wants FILE... and IMAGE");
    let forced = [&["--force"][..], &files].concat();
    replicate(image.path(), &forced).run().expect(0);
    let script = fs::read_to_string(image.path().join("usr/lib/python-exec/pypy3/old")).unwrap();
    assert_eq!(script, "#!/usr/bin/pypy3\n");
}
