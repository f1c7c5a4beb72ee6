//! How many system calls a move is: the number of files has no part in it.

use std::fs;
use std::path::Path;

use test_support::{Tool, need_command, scratch};

/// The directories that all images have; DEST has them too from the second image on.
const SHARED: [&str; 5] = [
    "",
    "usr",
    "usr/lib",
    "usr/lib/python3",
    "usr/lib/python3/site-packages",
];

/// What a move may be, and what is added for each directory that exists on both sides.
const MOST: usize = 200;
const FOR_EACH_SHARED: usize = 20;

/// Moves an image with a package of `files` files into DEST; how many calls that was.
fn move_one(root: &Path, number: usize, files: usize) -> usize {
    let package = root.join(format!("image/{}/package{number}", SHARED[4]));
    fs::create_dir_all(&package).expect("a package");
    for file in 0..files {
        fs::write(package.join(format!("f{file}")), "").expect("a file");
    }
    Tool::new("strace")
        .args(["-f", "-qq", "-o", "log"])
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(["-q", "--method=move", "image", "dest"])
        .in_directory(root)
        // cargo's, for which the loader looks into a dozen directories.
        .env_remove("LD_LIBRARY_PATH")
        .run()
        .expect(0);
    let log = fs::read_to_string(root.join("log")).expect("the log");
    // A build for tests asks of each handle whether it is open before it closes it; a release does not.
    let begun = |line: &&str| {
        line.contains('(') && !line.contains(" resumed>") && !line.contains(", F_GETFD)")
    };
    log.lines().filter(begun).count()
}

#[test]
fn a_move_is_few_calls_however_many_files_there_are() {
    need_command("strace", "strace");
    for there in [false, true] {
        for files in [10, 1000] {
            let root = scratch();
            if there {
                fs::create_dir(root.path().join("dest")).expect("a destination");
            }
            for number in 0..4 {
                let shared = if number == 0 { 0 } else { SHARED.len() };
                let most = MOST + FOR_EACH_SHARED * shared;
                let calls = move_one(root.path(), number, files);
                assert!(
                    calls <= most,
                    "{calls} calls for image {number} with {files} files, {most} at most"
                );
            }
        }
    }
}
