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

#[test]
fn the_lists_of_installed_files_stay_true() {
    let image = scratch();
    lay(
        image.path(),
        "usr/bin/foo 755 \"#!/usr/bin/python\\nx\\n\"\n\
         usr/lib/python3.11/site-packages/x.dist-info/METADATA 644 \"Name: x\\nVersion: 1\\n\"\n\
         usr/lib/python3.11/site-packages/x.dist-info/RECORD 644 \"../../../bin/foo,sha256=old,1\\n\"\n\
         usr/lib/pypy3/site-packages/y.egg-info/installed-files.txt 644 \"../../../../bin/foo\\n\"",
    );
    let file = image.path().join("usr/bin/foo");
    // A wrapper with content, so that its own hash is looked at too.
    Tool::new(env!("CARGO_BIN_EXE_py-wrapper"))
        .args(["-q", "--impl", "python3.11,pypy3", "--replicate"])
        .args([&file, image.path()])
        .run()
        .expect(0);
    let site = image.path().join("usr/lib/python3.11/site-packages");
    let code = "import base64, hashlib, importlib.metadata as metadata, sys\n\
        files = list(metadata.distributions(path=[sys.argv[1]]))[0].files\n\
        for file in files:\n\
        \x20   content = file.locate().read_bytes()\n\
        \x20   digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())\n\
        \x20   assert digest.decode().rstrip('=') == file.hash.value, file\n\
        \x20   assert len(content) == file.size, file\n\
        \x20   print(file)\n";
    let told = Tool::new("/usr/bin/python3")
        .args(["-c", code])
        .arg(&site)
        .run()
        .expect(0);
    assert_eq!(
        told.stdout,
        "../../../bin/foo\n\
         ../../python-exec/python3.11/foo\n\
         ../../python-exec/pypy3/foo\n"
    );
    let list = image
        .path()
        .join("usr/lib/pypy3/site-packages/y.egg-info/installed-files.txt");
    assert_eq!(
        fs::read_to_string(list).unwrap(),
        "../../../../bin/foo\n\
         ../../../python-exec/python3.11/foo\n\
         ../../../python-exec/pypy3/foo\n"
    );
}
