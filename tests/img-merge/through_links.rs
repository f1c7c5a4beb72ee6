//! `--keep-directory-symlink`: directories of images that pass through a symlink.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, SystemTime};

use test_support::{lay, listing, need_command, scratch};

use crate::merge;

const PASS: &str = "--keep-directory-symlink";

#[test]
fn a_directory_that_would_pass_after_an_earlier_image_is_a_conflict() {
    // The link, or what it leads to, comes with the first image.
    for (first, held) in [
        ("i1/lib64 -> lib\ni1/lib/a 644 \"a\"", "d/ 755"),
        ("i1/lib/a 644 \"a\"", "d/lib64 -> lib"),
    ] {
        for method in ["--method=link", "--method=move"] {
            let root = scratch();
            lay(root.path(), first);
            lay(root.path(), "i2/lib64/b 644 \"b\"");
            lay(root.path(), held);
            let before = listing(root.path());
            merge(root.path(), &["-q", method, "-n", PASS, "i1", "i2", "d"])
                .expect(1)
                .complains("merge lib64: conflict (through-symlink): i2 has a directory");
            assert_eq!(listing(root.path()), before);
            // What the man page sends one to.
            for image in ["i1", "i2"] {
                merge(root.path(), &[method, "-n", PASS, image, "d"]).expect(0);
            }
            assert_eq!(
                listing(&root.path().join("d")),
                "lib/ 755\nlib/a 644 \"a\"\nlib/b 644 \"b\"\nlib64 -> lib\n"
            );
        }
    }
}

#[test]
fn a_directory_that_may_not_pass_is_kept_out() {
    let root = scratch();
    lay(
        root.path(),
        "i1/x 644 \"x\"\ni2/out/b 644 \"b\"\nd/out -> ../elsewhere\nelsewhere/ 755",
    );
    // With several images it would be a conflict: one of them might bring what the link leads to.
    merge(root.path(), &["-n", PASS, "i1", "i2", "d"]).expect(1);
    for image in ["i1", "i2"] {
        merge(root.path(), &["-n", PASS, image, "d"]).expect(0);
    }
    let listing = listing(root.path());
    assert!(listing.contains("elsewhere/ 755\ni1"), "{listing}");
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
        let files = if method == "--method=move" { 2 } else { 3 };
        assert!(json.contains(&format!("\"files\":{files}")), "{json}");
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
fn a_directory_that_is_not_merged_is_reported() {
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

#[test]
fn a_place_of_two_directories_has_the_later_time() {
    for (first, second) in [(2, 3), (3, 2)] {
        let root = scratch();
        lay(
            root.path(),
            "i/lib/a 644 \"a\"\ni/lib64/b 644 \"b\"\nd/lib/ 755\nd/lib64 -> lib",
        );
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (path, seconds) in [("i/lib", first), ("i/lib64", second), ("d/lib", 1)] {
            let dir = File::open(root.path().join(path)).expect("a directory");
            dir.set_modified(at(seconds)).expect("a time");
        }
        merge(root.path(), &[PASS, "i", "d"]).expect(0);
        let merged = root.path().join("d/lib").metadata().expect("metadata");
        assert_eq!(
            merged.modified().expect("a time"),
            at(3),
            "{first} {second}"
        );
    }
}
