//! Writers that know no lock add names while a merge is under way.

use std::fs;

use test_support::{Tool, lay, listing, scratch};

use crate::pause::pause_at;

#[test]
fn a_directory_made_after_the_plan_is_joined() {
    for method in ["--method=link", "--method=copy", "--method=move"] {
        let root = scratch();
        lay(
            root.path(),
            "i/usr/a 644 \"a\"\ni/usr/lib/x 644 \"x\"\ni/usr/same 644 \"s\"\n\
             j/usr/b 644 \"b\"\nj/usr/lib/y 644 \"y\"\nj/usr/same 644 \"s\"\nd/ 755",
        );
        // The first directory that is made is the temporary one.
        let words = [method, "-j1", "--json=out", "i", "j", "d"];
        let paused = pause_at(root.path(), "mkdirat", 1, &words);
        lay(&root.path().join("d"), "usr/lib/mine 644 \"m\"");
        let (status, said) = paused.resume();
        assert_eq!(status, Some(0), "{said}");
        assert_eq!(
            listing(&root.path().join("d")),
            "usr/ 755\nusr/a 644 \"a\"\nusr/b 644 \"b\"\nusr/lib/ 755\nusr/lib/mine 644 \"m\"\n\
             usr/lib/x 644 \"x\"\nusr/lib/y 644 \"y\"\nusr/same 644 \"s\"\n"
        );
        let json = fs::read_to_string(root.path().join("out")).unwrap();
        let summary: serde_json::Value =
            serde_json::from_str(json.lines().last().unwrap()).unwrap();
        assert_eq!(summary["same"], 1, "each name counts once: {summary}");
        assert_eq!(summary["made_directories"], 0, "{summary}");
        let there = ["i", "j"].map(|image| root.path().join(image).exists());
        assert_eq!(there, [method != "--method=move"; 2]);
    }
}

#[test]
fn a_file_put_in_the_place_of_a_new_directory_is_a_conflict() {
    let root = scratch();
    lay(
        root.path(),
        "i/usr/a 644 \"a\"\nj/usr/b 644 \"b\"\nd/mine 644 \"m\"",
    );
    let paused = pause_at(root.path(), "mkdirat", 1, &["-j1", "i", "j", "d"]);
    fs::write(root.path().join("d/usr"), "file").unwrap();
    let (status, said) = paused.resume();
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("merge usr: conflict (directory)"), "{said}");
    assert_eq!(
        listing(&root.path().join("d")),
        "mine 644 \"m\"\nusr 644 \"file\"\n"
    );
}

#[test]
fn many_deferred_names_are_planned_at_once() {
    let root = scratch();
    for path in ["i/usr", "d/usr"] {
        fs::create_dir_all(root.path().join(path)).unwrap();
    }
    for file in 0..400 {
        fs::write(root.path().join(format!("i/usr/{file}")), "x").unwrap();
    }
    let paused = pause_at(root.path(), "mkdirat", 1, &["-j1", "i", "d"]);
    for file in 0..400 {
        fs::write(root.path().join(format!("d/usr/{file}")), "x").unwrap();
    }
    let (status, said, listings) = paused.resume_and_count();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("400 names the same"), "{said}");
    assert!(listings < 20, "{listings} calls to list directories");
}

#[test]
fn making_a_destination_leaves_the_staging_of_another_merge_alone() {
    let root = scratch();
    lay(root.path(), "i/a 644 \"a\"\nj/b 644 \"b\"\nd/ 755");
    // The temporary directory of the first is there, and empty.
    let paused = pause_at(root.path(), "fchown", 1, &["-j1", "i", "d"]);
    Tool::new(env!("CARGO_BIN_EXE_img-merge"))
        .args(["-q", "j", "d/new"])
        .in_directory(root.path())
        .run()
        .expect(0);
    let (status, said) = paused.resume();
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(
        listing(&root.path().join("d")),
        "a 644 \"a\"\nnew/ 755\nnew/b 644 \"b\"\n"
    );
}

#[test]
fn an_undo_leaves_a_file_that_replaced_ours() {
    for (method, call, image, foreign) in [
        ("move", "renameat2", "i/a 644 \"a\"", "a 644 \"a\""),
        ("link", "linkat", "i/a 644 \"a\"", "a 644 \"a\""),
        ("copy", "renameat2", "i/a 644 \"a\"", "a 644 \"a\""),
        ("link", "renameat2", "i/a/x 644 \"x\"", "a/x 644 \"x\""),
        ("copy", "renameat2", "i/a/x 644 \"x\"", "a/x 644 \"x\""),
        ("move", "renameat2", "i/a/x 644 \"x\"", "a/x 644 \"x\""),
    ] {
        let root = scratch();
        lay(root.path(), image);
        lay(root.path(), "i/b 644 \"b\"\nd/ 755");
        let dest = root.path().join("d");
        let method = format!("--method={method}");
        let paused = pause_at(root.path(), call, 1, &[&method, "-j1", "i", "d"]);
        fs::rename(dest.join("a"), root.path().join("aside")).expect("ours is there");
        // A file that differs is a conflict, so everything is undone.
        lay(&dest, foreign);
        lay(&dest, "b 644 \"other\"");
        let (status, said) = paused.resume();
        assert_eq!(status, Some(1), "{said}");
        let expected = scratch();
        lay(expected.path(), foreign);
        lay(expected.path(), "b 644 \"other\"");
        assert_eq!(listing(&dest), listing(expected.path()), "{method} {image}");
    }
}

#[test]
fn an_exchanged_directory_gets_no_names() {
    for method in ["--method=link", "--method=copy", "--method=move"] {
        let root = scratch();
        lay(root.path(), "i/usr/a 644 \"a\"\nd/usr/b 644 \"b\"");
        // The first directory that is made is the temporary one.
        let paused = pause_at(root.path(), "mkdirat", 1, &[method, "-j1", "i", "d"]);
        let dest = root.path().join("d");
        fs::rename(dest.join("usr"), dest.join("aside")).expect("a rename");
        lay(&dest, "usr/ 755");
        let (status, said) = paused.resume();
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains("exchanged for another directory"), "{said}");
        assert_eq!(listing(&dest), "aside/ 755\naside/b 644 \"b\"\nusr/ 755\n");
        assert!(root.path().join("i/usr/a").exists(), "{method}");
    }
}

#[test]
fn an_equal_file_that_appears_is_not_replaced() {
    let root = scratch();
    lay(
        root.path(),
        "i/f 644 \"new\"\nd/f 644 \"old\"\nother 644 \"new\"",
    );
    // The journal is written for the staging with the times, and for the replacement.
    let words = ["-j1", "--on-conflict=replace", "i", "d"];
    let paused = pause_at(root.path(), "write", 2, &words);
    assert_eq!(fs::read(root.path().join("d/f")).expect("f"), b"old");
    let inode = |path: &str| {
        let found = fs::metadata(root.path().join(path)).expect("metadata");
        std::os::unix::fs::MetadataExt::ino(&found)
    };
    let others = inode("other");
    fs::rename(root.path().join("other"), root.path().join("d/f")).expect("a rename");
    let (status, said) = paused.resume();
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(inode("d/f"), others, "what agrees is not replaced: {said}");
}

#[test]
fn an_undo_leaves_a_destination_that_replaced_ours() {
    let root = scratch();
    lay(root.path(), "i/a 644 \"a\"");
    // The first directory that is made becomes the destination, the second is its staging.
    let paused = pause_at(root.path(), "mkdirat", 2, &["-j1", "i", "d"]);
    fs::rename(root.path().join("d"), root.path().join("aside")).expect("ours is there");
    lay(root.path(), "d/ 755\naside/a 644 \"other\"");
    let (status, said) = paused.resume();
    assert_eq!(status, Some(1), "{said}");
    assert!(root.path().join("d").exists(), "{said}");
    let ours = listing(&root.path().join("aside"));
    assert_eq!(ours, "a 644 \"other\"\n");
}

#[test]
fn a_file_that_came_into_an_image_after_the_plan_is_not_removed() {
    let root = scratch();
    lay(
        root.path(),
        "i/a 644 \"a\"\ni/f 644 \"f\"\nd/f 644 \"f\"\nother 644 \"late\"",
    );
    let paused = pause_at(
        root.path(),
        "renameat2",
        1,
        &["--method=move", "-j1", "i", "d"],
    );
    fs::rename(root.path().join("other"), root.path().join("i/f")).expect("a rename");
    let (status, said) = paused.resume();
    assert_eq!(status, Some(2), "{said}");
    assert!(
        said.contains("changed after the merge was planned"),
        "{said}"
    );
    assert_eq!(listing(&root.path().join("i")), "f 644 \"late\"\n");
    let dest = listing(&root.path().join("d"));
    assert_eq!(dest, "a 644 \"a\"\nf 644 \"f\"\n");
}

#[test]
fn a_subtree_made_meanwhile_is_counted_once() {
    for method in ["link", "copy"] {
        let root = scratch();
        lay(
            root.path(),
            "i/sub/deep/f 644 \"f\"\ni/sub/g 644 \"g\"\nd/ 755",
        );
        let word = format!("--method={method}");
        let words = [&*word, "-j1", "--json=out", "i", "d"];
        let paused = pause_at(root.path(), "mkdirat", 1, &words);
        lay(&root.path().join("d"), "sub/deep/f 644 \"f\"");
        let (status, said) = paused.resume();
        assert_eq!(status, Some(0), "{said}");
        let done = if method == "link" { "linked" } else { "copied" };
        assert!(
            said.contains(&format!(": 1 file {done}, 1 name the same\n")),
            "{said}"
        );
        let json = fs::read_to_string(root.path().join("out")).expect("the JSON");
        for path in ["sub", "sub/deep", "sub/deep/f", "sub/g"] {
            let told = json.matches(&format!("\"path\":\"{path}\"")).count();
            assert_eq!(told, 1, "{method}: {path} in {json}");
        }
    }
}
