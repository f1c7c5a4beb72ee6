//! A failure leaves the image as it was, and a script keeps its metadata.

use std::ffi::OsStr;
use std::fs::{self, FileTimes};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::time::{Duration, SystemTime};

use test_support::{Tool, lay, listing, need_command, scratch};

use crate::faults::faulty;

fn tool(image: &Path) -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_py-wrapper"))
        .args(["-q", "--impl", "python3.11"])
        .arg(image)
}

/// Names, contents, inodes and all times but those of access.
pub(crate) fn state(root: &Path) -> Vec<String> {
    let mut state = vec![listing(root)];
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let data = path.symlink_metadata().unwrap();
        let shown = path.display();
        state.push(format!(
            "{shown} {} {}.{}",
            data.ino(),
            data.mtime(),
            data.mtime_nsec()
        ));
        if data.is_dir() {
            pending.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
    state.sort();
    state
}

/// Runs the tool while nothing may be written beyond `limit` blocks of 512 bytes.
fn limited(image: &Path, limit: u32) -> Tool {
    let program = env!("CARGO_BIN_EXE_py-wrapper");
    let command = format!("ulimit -f {limit}; exec {program} -q --impl python3.11 \"$0\"");
    Tool::new("dash").args(["-c", &command]).arg(image)
}

#[test]
fn a_write_that_fails_leaves_the_image_as_it_was() {
    let image = scratch();
    let big = "x".repeat(100_000);
    lay(
        image.path(),
        &format!(
            "usr/bin/a 755 \"#!/usr/bin/env python3\\n\"\n\
             usr/bin/b 755 \"#!/usr/bin/env python3\\n{big}\"\n\
             usr/lib/python3.11/site-packages/x.dist-info/RECORD 644 \"../../../bin/a,,\\n\""
        ),
    );
    let before = state(image.path());
    limited(image.path(), 100)
        .run()
        .expect(2)
        .complains("write ");
    assert_eq!(state(image.path()), before);
    limited(image.path(), 1000).run().expect(0);
}

#[test]
fn the_first_of_several_failures_is_reported() {
    let image = scratch();
    // So many are made by two threads; two of them are too big.
    let tree: Vec<_> = (10..99)
        .map(|number| {
            let size = if number == 40 || number == 41 {
                100_000
            } else {
                1
            };
            let rest = "x".repeat(size);
            format!("usr/bin/s{number} 755 \"#!/usr/bin/env python3\\n{rest}\"")
        })
        .collect();
    lay(image.path(), &tree.join("\n"));
    let before = state(image.path());
    for _ in 0..20 {
        let run = limited(image.path(), 100).run().expect(2);
        // 30 scripts with two temporary names each are before it.
        run.complains("python3.11/.py-wrapper.")
            .complains(".61: file too large");
        assert_eq!(state(image.path()), before);
    }
}

#[test]
fn a_killed_run_is_finished_by_the_next_one() {
    let image = scratch();
    lay(
        image.path(),
        "usr/bin/a 755 \"#!/usr/bin/env python3\\n\"\n\
         usr/bin/b 755 \"#!/usr/bin/python3.11\\n\"\n\
         usr/bin/.py-wrapper.1.1 600 \"\"\n\
         usr/lib/python-exec/python3.11/.py-wrapper.1.2 600 \"\"\n\
         usr/lib/python3.11/site-packages/x.dist-info/RECORD 644 \"\"\n\
         usr/lib/python3.11/site-packages/x.dist-info/.py-wrapper.1.3 600 \"\"\n\
         usr/lib/python-exec/python3.11/a 755 \"#!/usr/bin/python3.11\\n\"",
    );
    tool(image.path()).run().expect(0);
    let left = listing(image.path());
    assert!(!left.contains(".py-wrapper."), "{left}");
    assert_eq!(left.matches("#!/bin/sh").count(), 2, "{left}");
}

#[test]
fn mode_owner_times_and_attributes_stay() {
    let image = scratch();
    lay(
        image.path(),
        "usr/bin/foo 4751 \"#!/usr/bin/env python3\\n\"",
    );
    let script = image.path().join("usr/bin/foo");
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_234_567, 891_011_121);
    let file = fs::File::options().write(true).open(&script).unwrap();
    let root = rustix::process::geteuid().is_root();
    if root {
        chown(&script, Some(1234), Some(4321)).unwrap();
        fs::set_permissions(&script, PermissionsExt::from_mode(0o4751)).unwrap();
    }
    xattr::set(&script, "user.test", b"\0value").unwrap();
    file.set_times(FileTimes::new().set_modified(time).set_accessed(time))
        .unwrap();
    tool(image.path())
        .env_remove("SOURCE_DATE_EPOCH")
        .run()
        .expect(0);
    let moved = image.path().join("usr/lib/python-exec/python3.11/foo");
    let (moved_data, wrapper) = (
        fs::metadata(&moved).unwrap(),
        fs::metadata(&script).unwrap(),
    );
    assert_eq!(moved_data.mode() & 0o7777, 0o4751);
    assert_eq!(wrapper.mode() & 0o7777, 0o751);
    assert_eq!(moved_data.modified().unwrap(), time);
    assert_eq!(wrapper.modified().unwrap(), time);
    assert_eq!(
        xattr::get(&moved, "user.test").unwrap().unwrap(),
        b"\0value"
    );
    if root {
        for data in [&moved_data, &wrapper] {
            assert_eq!((data.uid(), data.gid()), (1234, 4321));
        }
    }
}

#[test]
fn directories_keep_their_times_and_new_ones_have_those_of_the_bin_directory() {
    let image = scratch();
    lay(
        image.path(),
        "usr/bin/foo 755 \"#!/usr/bin/env python3\\n\"\n\
         usr/lib/python3.11/site-packages/x.dist-info/RECORD 644 \"../../../bin/foo,,\\n\"",
    );
    let time = |seconds| SystemTime::UNIX_EPOCH + Duration::new(seconds, 7);
    let there = [
        "usr",
        "usr/bin",
        "usr/lib",
        "usr/lib/python3.11/site-packages/x.dist-info",
    ];
    for (path, seconds) in there.iter().zip(1000..) {
        let directory = fs::File::open(image.path().join(path)).unwrap();
        let times = FileTimes::new().set_modified(time(seconds));
        directory.set_times(times).unwrap();
    }
    tool(image.path())
        .env_remove("SOURCE_DATE_EPOCH")
        .run()
        .expect(0);
    let modified = |path: &str| {
        let data = fs::metadata(image.path().join(path)).unwrap();
        data.modified().unwrap()
    };
    for (path, seconds) in there.iter().zip(1000..) {
        assert_eq!(modified(path), time(seconds), "{path}");
    }
    for made in ["usr/lib/python-exec", "usr/lib/python-exec/python3.11"] {
        assert_eq!(modified(made), time(1001), "{made}");
    }
}

#[test]
fn names_are_bytes() {
    let image = scratch();
    let bin = image.path().join("usr/bin");
    fs::create_dir_all(&bin).unwrap();
    for name in [&b"a\nb"[..], b"\xff", b"-x", b"a,\"b\"", b"sp ace", b"*"] {
        let path = bin.join(OsStr::from_bytes(name));
        fs::write(&path, "#!/usr/bin/python3\n").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    tool(image.path()).run().expect(0);
    let scripts = fs::read_dir(image.path().join("usr/lib/python-exec/python3.11")).unwrap();
    assert_eq!(scripts.count(), 6);
}

#[test]
fn an_image_without_bin_directories_is_done_at_once() {
    let image = scratch();
    let run = tool(image.path()).run().expect(0);
    assert_eq!(run.stderr, "");
    let run = Tool::new(env!("CARGO_BIN_EXE_py-wrapper"))
        .args(["-v", "--impl", "python3.11"])
        .arg(image.path())
        .run()
        .expect(0);
    assert!(
        run.stderr.contains("no bin directory has anything in it"),
        "{}",
        run.stderr
    );
    tool(&image.path().join("none"))
        .run()
        .expect(2)
        .complains("none: no such file");
}

#[test]
fn links_out_of_the_image_are_not_followed() {
    let image = scratch();
    let outside = scratch();
    lay(outside.path(), "foo 755 \"#!/usr/bin/python3\\n\"");
    let shown = outside.path().display();
    lay(
        image.path(),
        &format!("usr/bin -> {shown}\nusr/sbin/bar -> {shown}/foo"),
    );
    let before = state(outside.path());
    tool(image.path()).run().expect(0);
    assert_eq!(state(outside.path()), before);
    lay(
        image.path(),
        "usr/local/bin/x 755 \"#!/usr/bin/python3\\n\"",
    );
    lay(image.path(), &format!("usr/lib -> {shown}"));
    tool(image.path())
        .run()
        .expect(1)
        .complains("usr/lib: is not a directory");
    assert_eq!(state(outside.path()), before);
}

#[test]
fn a_signal_leaves_all_or_nothing_and_ends_the_tool() {
    let image = scratch();
    let lines = |line: &str| {
        (0..100)
            .map(|n| line.replace("NAME", &format!("s{n}")))
            .collect::<String>()
    };
    let scripts = lines("usr/bin/NAME 755 \"#!/usr/bin/env python3\\n\"\n");
    let record = lines("../../../bin/NAME,,\\n");
    let list = "usr/lib/python3.11/site-packages/x.dist-info/RECORD";
    lay(image.path(), &format!("{scripts}{list} 644 \"{record}\""));
    let before = state(image.path());
    // How many wrappers there are afterwards. A script is two renames, and the list is one more; what is
    // unlinked is what was replaced, when all is done.
    for (moment, wrappers) in [
        ("openat:signal=TERM:when=100", 0),
        ("renameat2:signal=TERM:when=1", 0),
        ("renameat2:signal=TERM:when=2", 0),
        ("renameat2:signal=TERM:when=3", 0),
        ("renameat2:signal=TERM:when=50", 0),
        ("renameat2:signal=TERM:when=200", 0),
        ("unlinkat:signal=TERM:when=1", 100),
    ] {
        let outcome = faulty(&[moment], image.path()).run();
        assert_eq!(outcome.signal, Some(15), "{moment}: {}", outcome.stderr);
        let left = listing(image.path());
        assert!(!left.contains(".py-wrapper."), "{moment}: {left}");
        let made = left.matches("# Made by py-wrapper").count();
        assert_eq!(made, wrappers, "{moment}");
        assert!(
            made > 0 || state(image.path()) == before,
            "{moment}: {left}"
        );
    }
}

#[test]
fn a_user_without_write_permission_gets_the_cause_only() {
    need_command("setpriv", "util-linux");
    let image = scratch();
    lay(
        image.path(),
        "usr/bin/a 755 \"#!/usr/bin/env python3\\n\"\n\
         usr/lib/python-exec/python3.11/b 755 \"#!/usr/bin/python3.11\\n\"",
    );
    fs::set_permissions(image.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let before = state(image.path());
    let run = Tool::new("setpriv")
        .args(["--reuid=12345", "--regid=12345", "--clear-groups"])
        .arg(env!("CARGO_BIN_EXE_py-wrapper"))
        .args(["-q", "--impl", "python3.11"])
        .arg(image.path())
        .run();
    run.expect(2).complains("permission denied");
    assert_eq!(state(image.path()), before);
}

#[test]
fn not_setting_the_times_of_another_users_directory_is_no_error() {
    need_command("setpriv", "util-linux");
    if !rustix::process::geteuid().is_root() {
        let why = "it gives a script to another user, as root";
        let test = "not_setting_the_times_of_another_users_directory_is_no_error";
        return test_support::cannot_run_here(test, why);
    }
    let image = scratch();
    lay(
        image.path(),
        "usr/bin/ 777\n\
         usr/bin/a 755 \"#!/usr/bin/env python3\\n\"\n\
         usr/lib/python-exec/python3.11/ 777",
    );
    fs::set_permissions(image.path(), fs::Permissions::from_mode(0o755)).unwrap();
    chown(image.path().join("usr/bin/a"), Some(12345), Some(12345)).unwrap();
    let run = |program: &str, words: &[&str]| {
        Tool::new("setpriv")
            .args(["--reuid=12345", "--regid=12345", "--clear-groups", program])
            .args(words)
            .arg(image.path())
            .run()
    };
    let program = env!("CARGO_BIN_EXE_py-wrapper");
    let done = run(program, &["-q", "--impl", "python3.11"]).expect(0);
    assert_eq!(done.stderr, "");
    assert_eq!(
        listing(image.path())
            .matches("# Made by py-wrapper")
            .count(),
        1
    );
}
