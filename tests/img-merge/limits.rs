//! Few threads, few handles: what the system does not give is done without.

use std::fs;

use test_support::{Tool, lay, listing, need_command, scratch};

/// A user whom no other process of the machine belongs to.
const LONELY: [&str; 3] = ["--reuid=54321", "--regid=54321", "--clear-groups"];

#[test]
fn a_merge_without_further_threads_works_alone() {
    need_command("prlimit", "util-linux");
    let root = scratch();
    let open = || std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(root.path(), open()).unwrap();
    // Work enough to be shared.
    for directory in 0..20 {
        let name = format!("d{directory}");
        lay(
            root.path(),
            &format!("i/{name}/new/a 644 \"a\"\nd/{name}/ 777"),
        );
    }
    fs::set_permissions(root.path().join("d"), open()).unwrap();
    // Itself, and the thread that waits for signals.
    Tool::new("prlimit")
        .args(["--nproc=2", "setpriv"])
        .args(LONELY)
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(["-j4", "--method=copy", "i", "d"])
        .in_directory(root.path())
        .run()
        .expect(0);
    for directory in 0..20 {
        let file = root.path().join(format!("d/d{directory}/new/a"));
        assert!(file.exists(), "{}", file.display());
    }
}

#[test]
fn many_directories_that_lack_a_subtree_need_few_handles() {
    need_command("prlimit", "util-linux");
    let root = scratch();
    for directory in 0..200 {
        lay(
            root.path(),
            &format!("i/d{directory}/new/a 644 \"a\"\nd/d{directory}/ 755"),
        );
    }
    Tool::new("prlimit")
        .args(["--nofile=64", env!("CARGO_BIN_EXE_img-merge")])
        .args(["-q", "i", "d"])
        .in_directory(root.path())
        .run()
        .expect(0);
    assert_eq!(
        listing(&root.path().join("d")),
        listing(&root.path().join("i"))
    );
}

#[test]
fn a_file_beyond_the_limit_of_sizes_is_undone_like_a_full_disk() {
    need_command("prlimit", "util-linux");
    let root = scratch();
    let big = "x".repeat(10_000);
    lay(
        root.path(),
        &format!("i/a 644 \"a\"\ni/z 644 \"{big}\"\nd/there 644 \"b\""),
    );
    let before = listing(root.path());
    Tool::new("prlimit")
        .args(["--fsize=4096", env!("CARGO_BIN_EXE_img-merge")])
        .args(["-q", "--method=copy", "i", "d"])
        .in_directory(root.path())
        .run()
        .expect(2)
        .complains("file too large");
    assert_eq!(listing(root.path()), before);
}
