//! One image: what moves, what stays, what is refused.

use std::fs;
use std::path::Path;

use test_support::{Tool, lay, listing, scratch};

fn wrap(image: &Path, words: &[&str]) -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_py-wrapper"))
        .args(["--impl", "python3.11"])
        .args(words)
        .arg(image)
}

const IMAGE: &str = r##"
    usr/bin/foo 755 "#!/usr/bin/python3.11\nprint()\n"
    usr/bin/generic 750 "#!/usr/bin/env python3\n"
    usr/bin/alias -> foo
    usr/bin/same == usr/bin/foo
    usr/bin/second == usr/bin/generic
    usr/bin/shell 755 "#!/bin/sh\necho\n"
    usr/bin/data 644 "#!/usr/bin/python3.11\n"
    usr/bin/__pycache__/x 644 ""
"##;

#[test]
fn scripts_of_this_implementation_move_and_the_rest_stays() {
    let image = scratch();
    lay(image.path(), IMAGE);
    wrap(image.path(), &["--kind=link"]).run().expect(0);
    assert_eq!(
        listing(image.path()),
        "usr/ 755\n\
         usr/bin/ 755\n\
         usr/bin/__pycache__/ 755\n\
         usr/bin/__pycache__/x 644 \"\"\n\
         usr/bin/alias -> foo\n\
         usr/bin/data 644 \"#!/usr/bin/python3.11\\n\"\n\
         usr/bin/foo -> ../lib/python-exec/py-exec2\n\
         usr/bin/generic -> ../lib/python-exec/py-exec2\n\
         usr/bin/same -> ../lib/python-exec/py-exec2\n\
         usr/bin/second -> ../lib/python-exec/py-exec2\n\
         usr/bin/shell 755 \"#!/bin/sh\\necho\\n\"\n\
         usr/lib/ 755\n\
         usr/lib/python-exec/ 755\n\
         usr/lib/python-exec/python3.11/ 755\n\
         usr/lib/python-exec/python3.11/foo 755 \"#!/usr/bin/python3.11\\nprint()\\n\"\n\
         usr/lib/python-exec/python3.11/generic 750 \"#!/usr/bin/python3.11\\n\"\n\
         usr/lib/python-exec/python3.11/same == usr/lib/python-exec/python3.11/foo\n\
         usr/lib/python-exec/python3.11/second == usr/lib/python-exec/python3.11/generic\n"
    );
}

#[test]
fn an_empty_eprefix_is_no_prefix() {
    for words in [&["--eprefix="][..], &["--eprefix", ""]] {
        let images = [scratch(), scratch()];
        for image in &images {
            lay(image.path(), IMAGE);
        }
        wrap(images[0].path(), words).run().expect(0);
        wrap(images[1].path(), &[]).run().expect(0);
        assert_eq!(listing(images[0].path()), listing(images[1].path()));
    }
}

#[test]
fn a_second_run_changes_nothing() {
    for kind in ["--kind=script", "--kind=link", "--kind=copy"] {
        let image = scratch();
        lay(image.path(), IMAGE);
        wrap(image.path(), &[kind]).run().expect(0);
        let first = listing(image.path());
        wrap(image.path(), &[kind]).run().expect(0);
        assert_eq!(listing(image.path()), first, "{kind}");
    }
}

#[test]
fn a_refusal_leaves_the_image_as_it_was() {
    for (line, words) in [
        (
            "usr/bin/other 755 \"#!/usr/bin/python3.12\\n\"",
            "names python3.12",
        ),
        ("usr/bin/sub/x 755 \"\"", "is a directory"),
        (
            "usr/lib/python-exec/python3.11/foo 755 \"else\"",
            "has a different script",
        ),
        ("usr/local/bin/foo 755 \"#!python\"", "same name"),
        ("usr/lib/python-exec 644 \"\"", "is not a directory"),
    ] {
        let image = scratch();
        lay(image.path(), IMAGE);
        lay(image.path(), line);
        let before = listing(image.path());
        wrap(image.path(), &[]).run().expect(1).complains(words);
        assert_eq!(listing(image.path()), before, "{line}");
    }
}

#[test]
fn the_script_root_may_not_be_a_bin_directory() {
    let image = scratch();
    lay(
        image.path(),
        "usr/lib/python-exec/python3.11/foo 755 \"#!/usr/bin/python3.11\\nfoo\\n\"",
    );
    let before = listing(image.path());
    for kind in ["--kind=script", "--kind=link", "--kind=copy"] {
        let words = [kind, "--bindir=/usr/lib/python-exec/python3.11"];
        wrap(image.path(), &words)
            .run()
            .expect(2)
            .complains("may not hold each other");
        assert_eq!(listing(image.path()), before, "{kind}");
    }
}

#[test]
fn no_file_names_the_image() {
    let image = scratch();
    let root = image.path().display();
    lay(
        image.path(),
        &format!("usr/bin/foo 755 \"#!{root}/usr/bin/python3\\n\""),
    );
    wrap(image.path(), &[]).run().expect(0);
    let script = fs::read_to_string(image.path().join("usr/lib/python-exec/python3.11/foo"));
    assert_eq!(script.unwrap(), "#!/usr/bin/python3.11\n");
    assert!(!listing(image.path()).contains(&root.to_string()));
}
