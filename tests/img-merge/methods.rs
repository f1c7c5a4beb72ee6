//! Every method brings every kind of thing as it was.

use std::path::Path;

use test_support::{Tool, lay, listing, scratch};

fn tool() -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
}

const IMAGE: &str = r#"
    usr/bin/tool 4755 "a program\n"
    usr/lib/one/a.py 644 "import b\n"
    usr/lib/one/b.py == usr/lib/one/a.py
    usr/lib/one/dangling -> nowhere
    usr/lib/one/shut/ 555
    usr/lib/one/shut/x 444 "x"
    usr/share/sticky/ 1777
"#;

fn merged(root: &Path) -> String {
    listing(&root.join("dest"))
}

#[test]
fn each_method_gives_the_image() {
    for method in ["link", "reflink", "copy", "move"] {
        let root = scratch();
        lay(&root.path().join("image"), IMAGE);
        let expected = listing(&root.path().join("image"));
        tool()
            .arg(format!("--method={method}"))
            .args(["image", "dest"])
            .in_directory(root.path())
            .run()
            .expect(0)
            .complains("merged 1 image into dest: ");
        assert_eq!(merged(root.path()), expected, "{method}");
        assert_eq!(root.path().join("image").exists(), method != "move");
    }
}

#[test]
fn a_conflict_changes_nothing() {
    let root = scratch();
    lay(&root.path().join("image"), IMAGE);
    lay(
        &root.path().join("dest"),
        "usr/bin/tool 4755 \"another\\n\"",
    );
    let before = merged(root.path());
    let outcome = tool()
        .args(["image", "dest"])
        .in_directory(root.path())
        .run()
        .expect(1);
    assert!(
        outcome
            .stderr
            .starts_with("img-merge: merge usr/bin/tool: conflict (content): image has"),
        "{}",
        outcome.stderr
    );
    assert_eq!(merged(root.path()), before);
}

#[test]
fn a_stream_is_merged_record_by_record() {
    let root = scratch();
    lay(&root.path().join("a"), "usr/a 644 \"a\"");
    lay(&root.path().join("b"), "usr/b 644 \"b\"");
    let (a, b) = (root.path().join("a"), root.path().join("b"));
    let records = format!(
        "python3.11\t{}\npython3.12\t{}\nend\t0\n",
        a.display(),
        b.display()
    );
    tool()
        .args(["--method=move", "--images-from=-", "dest"])
        .in_directory(root.path())
        .stdin(records)
        .run()
        .expect(0);
    assert_eq!(
        merged(root.path()),
        "usr/ 755\nusr/a 644 \"a\"\nusr/b 644 \"b\"\n"
    );
}

#[test]
fn a_stream_that_breaks_off_is_an_error_after_what_it_had() {
    let root = scratch();
    lay(&root.path().join("a"), "usr/a 644 \"a\"");
    let records = format!("python3.11\t{}\n", root.path().join("a").display());
    tool()
        .args(["-q", "--images-from=-", "dest"])
        .in_directory(root.path())
        .stdin(records)
        .run()
        .expect(2)
        .complains("without its end line");
    assert_eq!(merged(root.path()), "usr/ 755\nusr/a 644 \"a\"\n");
}
