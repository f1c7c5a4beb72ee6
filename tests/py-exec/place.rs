//! The ways to a wrapper: links, copies and the program itself; and what the script inherits.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use test_support::{Tool, lay};

use crate::program::{ask, foo, programs, tree};

#[test]
fn the_last_link_before_the_dispatcher_names_the_script() {
    for program in programs() {
        let tree = tree(&program, &["python3.9"]);
        lay(tree.path(), "usr/bin/b -> foo\nusr/bin/c -> b");
        for name in ["b", "c"] {
            let run = ask(&tree.path().join("usr/bin").join(name), tree.path())
                .run()
                .expect(0);
            assert_eq!(run.stdout, "python3.9/foo\n");
        }
        // A link to the program, also under the name that python-exec has for it.
        let bin = tree.path().join("usr/bin");
        let root = tree.path().join("usr/lib/python-exec");
        for (name, target) in [
            ("py-exec", "py-exec"),
            (
                "../lib/python-exec/python-exec2c",
                "../lib/python-exec/python-exec2c",
            ),
        ] {
            fs::copy(&program, bin.join(name)).unwrap();
            fs::remove_file(bin.join("foo")).unwrap();
            symlink(target, bin.join("foo")).unwrap();
            let run = foo(tree.path()).run().expect(0);
            assert_eq!(run.stdout, "python3.9/foo\n", "{target}");
        }
        let shebang = format!("#!{}\n", root.join("python-exec2c").display());
        fs::write(root.join("python-exec2"), shebang).unwrap();
        make_executable(&root.join("python-exec2"));
        fs::remove_file(bin.join("foo")).unwrap();
        symlink("../lib/python-exec/python-exec2", bin.join("foo")).unwrap();
        assert_eq!(foo(tree.path()).run().expect(0).stdout, "python3.9/foo\n");
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_copy_has_the_name_of_the_script() {
    for program in programs() {
        let tree = tree(&program, &["python3.9"]);
        let root = tree.path().join("usr/lib/python-exec");
        fs::copy(root.join("py-exec2"), tree.path().join("usr/bin/bar")).unwrap();
        fs::copy(root.join("python3.9/foo"), root.join("python3.9/bar")).unwrap();
        let run = ask(&tree.path().join("usr/bin/bar"), tree.path())
            .run()
            .expect(0);
        assert_eq!(run.stdout, "python3.9/bar\n");
    }
}

#[test]
fn the_dispatcher_itself_cannot_be_run() {
    for program in programs() {
        let tree = tree(&program, &["python3.9"]);
        let text = tree.path().join("usr/lib/python-exec/py-exec2");
        ask(&text, tree.path())
            .run()
            .expect(127)
            .complains("must not be run directly");
        ask(&program, tree.path()).run().expect(1);
        let missing = tree.path().join("none");
        let run = ask(&program, tree.path()).arg(&missing).run().expect(127);
        run.complains("unable to resolve symlink");
        lay(tree.path(), "loop -> loop");
        let run = ask(&program, tree.path())
            .arg(tree.path().join("loop"))
            .run()
            .expect(127);
        run.complains("Too many levels of symbolic links");
    }
}

/// Prints every argument, the environment, the ignored signals, and the open descriptors.
const SHOW: &str = "755 \"#!/bin/dash\\nprintf '%s|' \\\"$@\\\"\\nenv -0 | sort -z | tr '\\\\\\\\0' '\\\\n'\\n\
     grep -E '^Sig(Ign|Blk)' /proc/self/status\\necho /proc/self/fd/*\\n\"";

#[test]
fn arguments_environment_signals_and_descriptors_reach_the_script() {
    for program in programs() {
        let tree = tree(&program, &["python3.9"]);
        lay(
            tree.path(),
            &format!("usr/lib/python-exec/python3.9/foo {SHOW}"),
        );
        let script = tree.path().join("usr/lib/python-exec/python3.9/foo");
        for ignored in ["", "trap '' PIPE; trap '' INT; "] {
            let start = |path: &Path| {
                let command = format!(
                    "{ignored}exec 5</dev/null; exec \"$0\" 'a b' '' '*' \"$(printf '\\377')\""
                );
                let tool =
                    Tool::new("dash").args(["-c".as_ref(), command.as_ref(), path.as_os_str()]);
                tool.env("A", "x\ny")
                    .env("XDG_CONFIG_HOME", "/none")
                    .env_remove("EPYTHON")
                    .run()
                    .expect(0)
            };
            let direct = start(&script);
            let through = start(&tree.path().join("usr/bin/foo"));
            assert!(direct.stdout.contains("a b||*|"), "{}", direct.stdout);
            assert_eq!(through.stdout, direct.stdout, "{}", program.display());
        }
    }
}
