//! `--keep-directory-symlink`: directories of images that pass through a symlink.

use std::path::Path;
use std::process::Command;

use test_support::{Outcome, Tool, lay, need_command, scratch};

const PASS: &str = "--keep-directory-symlink";

fn merge(root: &Path, words: &[&str]) -> Outcome {
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .in_directory(root)
        .run()
}

#[test]
fn a_manifest_names_the_places_behind_a_symlink() {
    need_command("mtree", "mtree-netbsd");
    for method in ["--method=link", "--method=move"] {
        let root = scratch();
        lay(
            root.path(),
            "i/lib64/b 644 \"b\"\ni/lib64/sub/c 644 \"c\"\ni/lib64/new/deep/e 644 \"e\"\n\
             d/lib/a 644 \"a\"\nd/lib/sub/ 755\nd/lib64 -> lib",
        );
        let words = [method, PASS, "--manifest=m", "--json=j", "i", "d"];
        merge(root.path(), &words).expect(0);
        let manifest = std::fs::read_to_string(root.path().join("m")).expect("the manifest");
        let paths: Vec<&str> = manifest
            .lines()
            .filter_map(|line| line.strip_prefix("./")?.split(' ').next())
            .collect();
        assert_eq!(
            paths,
            [
                "lib",
                "lib/b",
                "lib/new",
                "lib/new/deep",
                "lib/new/deep/e",
                "lib/sub",
                "lib/sub/c"
            ],
            "{method}"
        );
        let json = std::fs::read_to_string(root.path().join("j")).expect("the JSON");
        assert!(json.contains("\"files\":3"), "{json}");
        let checked = Command::new("mtree")
            .args(["-p", "d", "-f", "m"])
            .current_dir(root.path())
            .output()
            .expect("mtree");
        let said = String::from_utf8_lossy(&checked.stdout);
        // Beside what was merged it finds what was there.
        let wrong = said.lines().filter(|line| !line.starts_with("extra: "));
        assert_eq!(wrong.count(), 0, "{said}");
    }
}

#[test]
fn a_whole_directory_that_is_not_merged_is_said() {
    let root = scratch();
    lay(
        root.path(),
        "i/usr/doc/a 644 \"a\"\ni/usr/f 644 \"new\"\nd/usr/doc 644 \"file\"\nd/usr/f 644 \"old\"",
    );
    let said = merge(root.path(), &["-n", "i", "d"]).expect(0).stderr;
    assert!(
        said.contains("merge usr/doc: conflict (directory)"),
        "{said}"
    );
    assert!(said.contains("; kept the latter\n"), "{said}");
    assert!(!said.contains("usr/f"), "a file is told with -v: {said}");
    assert!(said.contains("2 names kept"), "{said}");
    let said = merge(root.path(), &["-q", "-n", "i", "d"]).expect(0).stderr;
    assert_eq!(said, "");
}
