//! A hostile working directory, PATH, environment and configuration.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use test_support::{Tool, lay};

use crate::program::{ask, foo, programs, tree};

/// A script that must never run.
const EVIL: &str = "755 \"#!/bin/sh\\necho EVIL\\n\"";

#[test]
fn nothing_comes_from_the_working_directory() {
    for program in programs() {
        let tree = tree(&program, &["python3.9", "python3.8"]);
        lay(
            tree.path(),
            &format!(
                "evil/bin/foo {EVIL}\nevil/bin/python3.9/foo {EVIL}\n\
                 evil/lib/python-exec/python3.13/foo {EVIL}\n\
                 evil/bin/python-exec/foo.conf 644 \"python3.8\\n\"\n\
                 evil/bin/.config/python-exec/foo.conf 644 \"python3.8\\n\""
            ),
        );
        let evil = tree.path().join("evil/bin");
        let bin = tree.path().join("usr/bin");
        for path in [
            format!(":.:{}", bin.display()),
            format!("../bin:{}:", bin.display()),
        ] {
            // A name without a slash is looked up in the absolute entries of PATH alone.
            let run = ask(&program, tree.path())
                .arg("foo")
                .env("PATH", &path)
                .in_directory(&evil);
            assert_eq!(run.run().expect(0).stdout, "python3.9/foo\n", "{path}");
        }
        // A name that is not found gets the default root, which does not exist.
        let layout = format!("--layout={}/none", tree.path().display());
        let run = ask(&program, tree.path())
            .args([&layout, "foo"])
            .env("PATH", ".")
            .in_directory(&evil);
        run.run()
            .expect(127)
            .complains("no python-exec wrapped executable found in");
        // Relative directories in the environment are ignored.
        for home in [".", "", "../bin"] {
            let run = foo(tree.path())
                .env("XDG_CONFIG_HOME", home)
                .env("HOME", home)
                .in_directory(&evil);
            assert_eq!(run.run().expect(0).stdout, "python3.9/foo\n", "{home:?}");
        }
    }
}

#[test]
fn names_never_leave_the_script_root() {
    for program in programs() {
        let tree = tree(&program, &["python3.9"]);
        lay(
            tree.path(),
            &format!("usr/lib/evil/foo {EVIL}\nevil/foo {EVIL}"),
        );
        let absolute = tree.path().join("evil");
        for name in [
            "../evil",
            "..",
            ".",
            "",
            "/",
            absolute.to_str().unwrap(),
            "python3.9/../../evil",
            "-python3.9",
        ] {
            let run = foo(tree.path()).env("EPYTHON", name).run().expect(0);
            assert_eq!(run.stdout, "python3.9/foo\n", "{name:?}");
            assert_eq!(
                run.stderr,
                format!("python-exec: EPYTHON value invalid ({name}).\n")
            );
        }
        lay(
            tree.path(),
            "etc/python-exec/foo.conf 644 \"../evil\\n../../evil\\n\"",
        );
        let run = foo(tree.path()).run().expect(0);
        assert_eq!(run.stdout, "python3.9/foo\n");
        assert_eq!(run.stderr.lines().count(), 2);
    }
}

#[test]
fn a_configuration_of_another_user_or_kind_is_not_read() {
    for program in programs() {
        let tree = tree(&program, &["python3.9", "python3.10"]);
        lay(
            tree.path(),
            "home/python-exec/foo.conf 644 \"python3.9\\n\"",
        );
        let conf = tree.path().join("home/python-exec/foo.conf");
        assert_eq!(foo(tree.path()).run().expect(0).stdout, "python3.9/foo\n");
        if rustix::process::geteuid().is_root() {
            chown(&conf, Some(12345), None).unwrap();
            assert_eq!(foo(tree.path()).run().expect(0).stdout, "python3.10/foo\n");
            // The real and the effective user differ: the file is not read, whichever of them owns it.
            let wrapper = tree.path().join("usr/bin/foo");
            open_up(tree.path());
            for owner in [0, 12345] {
                chown(&conf, Some(owner), None).unwrap();
                let run = Tool::new("setpriv")
                    .args(["--ruid=12345", "--keep-groups"])
                    .arg(&wrapper)
                    .env("XDG_CONFIG_HOME", tree.path().join("home"))
                    .env_remove("EPYTHON");
                assert_eq!(run.run().expect(0).stdout, "python3.10/foo\n", "{owner}");
            }
        }
        fs::remove_file(&conf).unwrap();
        // A fifo would block for ever.
        Tool::new("mkfifo").arg(&conf).run().expect(0);
        let run = foo(tree.path()).run().expect(0);
        assert_eq!(run.stdout, "python3.10/foo\n");
        fs::remove_file(&conf).unwrap();
        fs::create_dir(&conf).unwrap();
        assert_eq!(foo(tree.path()).run().expect(0).stdout, "python3.10/foo\n");
    }
}

fn open_up(directory: &Path) {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_call_without_a_name_does_not_crash() {
    for program in programs() {
        let code = "import ctypes, sys\n\
             libc = ctypes.CDLL(None)\n\
             null = (ctypes.c_char_p * 1)(None)\n\
             libc.execve(sys.argv[1].encode(), null, null)\n\
             sys.exit(99)\n";
        let run = Tool::new("/usr/bin/python3")
            .args(["-c", code])
            .arg(&program)
            .run();
        // Since 5.18 the kernel gives a program an empty name if the caller gives none.
        assert_eq!(run.status, Some(127), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        let long = "x".repeat(5000);
        let run = ask(&program, Path::new("/"))
            .arg(format!("/{long}"))
            .run()
            .expect(127);
        assert!(run.stderr.contains("File name too long"), "{}", run.stderr);
        let run = ask(&program, Path::new("/"))
            .arg(&long)
            .env("PATH", "/usr/bin")
            .run();
        run.expect(127);
    }
}
