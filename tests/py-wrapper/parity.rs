//! Wrappers of every kind choose the same script and give the same messages and status.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use test_support::{Tool, lay};

use crate::installed::{Installed, interpreters};

/// Pseudo-random numbers that are the same in every run (Knuth's generator).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const NAMES: [&str; 8] = [
    "python2.7",
    "python3.9",
    "python3.10",
    "python3.13",
    "python3.13t",
    "pypy3",
    "pypy3.11",
    "python3.14t",
];

const LINES: [&str; 12] = [
    "",
    "# x",
    "python3",
    "../x",
    "-",
    "--pypy3",
    "python3.10 ",
    "python3.08",
    "python3.9.1",
    "pypy3t",
    "*",
    "python12345.1",
];

const SCRIPT: &str = "#!/bin/sh\necho \"$0\" \"$@\"\n";

/// Each script: not there, as it should be, without its interpreter, with one that may not be executed, without a
/// line, not to be executed, a directory.
fn scripts(chance: &mut Chance, root: &Path) {
    for name in NAMES {
        let directory = root.join(name);
        drop(fs::remove_dir_all(&directory));
        let script = directory.join("foo");
        let text = match chance.below(14) {
            0 => continue,
            1 => {
                fs::create_dir_all(&script).unwrap();
                continue;
            }
            2 => "#! /nowhere/python -E\n",
            3 => {
                fs::create_dir_all(&directory).unwrap();
                continue;
            }
            4 => "#!/etc/passwd\n",
            5 => "#!/usr\n",
            6 => "echo without a line\n",
            7 => chance.one(&["", "#!\n", "#! \t\n", "#"]),
            _ => SCRIPT,
        };
        fs::create_dir_all(&directory).unwrap();
        fs::write(&script, text).unwrap();
        let mode = if chance.below(6) == 0 { 0o644 } else { 0o755 };
        fs::set_permissions(&script, fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn configuration(chance: &mut Chance, path: &Path) {
    drop(fs::remove_file(path));
    drop(fs::remove_dir(path));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if chance.below(12) == 0 {
        return fs::create_dir(path).unwrap();
    }
    if chance.below(2) == 0 {
        return;
    }
    let mut text = String::new();
    for _ in 0..chance.below(7) {
        match chance.below(4) {
            0 => text += chance.one(&LINES),
            1 => text.extend(["-", chance.one(&NAMES)]),
            _ => text += chance.one(&NAMES),
        }
        text.push('\n');
    }
    if chance.below(3) == 0 {
        text += chance.one(&NAMES);
    }
    fs::write(path, text).unwrap();
}

/// A tree in which the same scripts are reached by a wrapper of every kind, each in its own directory.
///
/// The script of the Python that it was made with is removed; the test makes its own scripts.
fn tree() -> (Installed, [PathBuf; 3]) {
    let python = &interpreters()[..1];
    let installed = Installed::new("script", python);
    fs::remove_dir_all(installed.root().join(&python[0].epython)).unwrap();
    let copy = installed.root().join("py-exec2");
    let wrappers = ["bin", "sbin", "libexec"].map(|directory| {
        let directory = installed.prefix.join("usr").join(directory);
        fs::create_dir_all(&directory).unwrap();
        directory.join("foo")
    });
    symlink("../lib/python-exec/py-exec2", &wrappers[1]).unwrap();
    fs::copy(copy, &wrappers[2]).unwrap();
    (installed, wrappers)
}

#[test]
fn all_kinds_give_the_same_answer() {
    let (installed, wrappers) = tree();
    let mut chance = Chance(1);
    for round in 0..150 {
        if round % 3 == 0 {
            scripts(&mut chance, &installed.root());
        }
        for file in ["home/python-exec/", "etc/python-exec/"] {
            for name in ["foo.conf", "python-exec.conf"] {
                configuration(&mut chance, &installed.prefix.join(file).join(name));
            }
        }
        let epython = match chance.below(5) {
            0 => Some(chance.one(&NAMES)),
            1 => Some(chance.one(&["", "python9.9", "..", "a b", "*", "python3.9/../pypy3"])),
            _ => None,
        };
        if round % 9 == 1 {
            // A program has no line either, and runs.
            let program = installed.root().join("python3.13");
            drop(fs::remove_dir_all(&program));
            fs::create_dir(&program).unwrap();
            fs::copy("/bin/echo", program.join("foo")).unwrap();
        }
        let answers = wrappers.each_ref().map(|wrapper| {
            let mut tool = Tool::new(wrapper)
                .args(["a b", ""])
                .env("XDG_CONFIG_HOME", installed.prefix.join("home"))
                .env_remove("EPYTHON");
            if let Some(name) = epython {
                tool = tool.env("EPYTHON", name);
            }
            let run = tool.run();
            (run.stdout, run.stderr, run.status)
        });
        assert_eq!(answers[0], answers[1], "round {round}, EPYTHON {epython:?}");
        assert_eq!(answers[0], answers[2], "round {round}, EPYTHON {epython:?}");
    }
}

#[test]
fn a_wrapper_of_kind_script_trusts_no_hostile_environment() {
    let (installed, wrappers) = tree();
    let root = installed.prefix.display();
    let evil = "755 \"#!/bin/sh\\necho EVIL\\n\"";
    lay(
        &installed.prefix,
        &format!(
            "usr/lib/python-exec/python3.9/foo 755 \"#!/bin/sh\\necho good\\n\"\n\
             evil/bin/foo {evil}\nevil/bin/readlink {evil}\nevil/bin/id {evil}\nevil/bin/printf {evil}\n\
             evil/lib/python-exec/python3.14/foo {evil}\nevil/lib/evil/foo {evil}\n\
             links/foo -> ../usr/bin/foo\n\
             home/python-exec/foo.conf 644 \"../../../evil/lib/evil\\npython3.9\\n\""
        ),
    );
    let path = format!("{root}/evil/bin:.::{root}/usr/bin:/usr/bin:/bin");
    let evil = installed.prefix.join("evil/bin");
    for wrapper in [&wrappers[0], &installed.prefix.join("links/foo")] {
        let run = Tool::new(wrapper)
            .env("PATH", &path)
            .env("CDPATH", &evil)
            .env("IFS", "/")
            .env("ENV", evil.join("foo"))
            .env("BASH_ENV", evil.join("foo"))
            .env("_px_root", &evil)
            .env("_px_tried", " python3.9 ")
            .env("XDG_CONFIG_HOME", installed.prefix.join("home"))
            .env("EPYTHON", "../../../evil/lib/evil")
            .in_directory(&evil)
            .run()
            .expect(0);
        assert_eq!(run.stdout, "good\n");
    }
    // A name without a slash: only absolute entries of PATH are looked at, and never where we are.
    let here = installed.prefix.join("here/bin");
    lay(
        &installed.prefix,
        "here/lib/python-exec/python3.14/foo 755 \"#!/bin/sh\\necho EVIL\\n\"",
    );
    fs::create_dir(&here).unwrap();
    fs::copy(&wrappers[0], here.join("foo")).unwrap();
    for shell in ["dash", "bash"] {
        for path in [
            format!(".::{root}/usr/bin:/usr/bin:/bin"),
            "/usr/bin:/bin:.".to_owned(),
        ] {
            let run = Tool::new(shell)
                .arg("foo")
                .env("PATH", path)
                .env("HOME", "home")
                .env_remove("XDG_CONFIG_HOME")
                .env_remove("EPYTHON")
                .in_directory(&here)
                .run()
                .expect(0);
            assert_eq!(run.stdout, "good\n", "{shell}");
        }
    }
}

#[test]
fn a_directory_in_path_is_not_taken_for_a_wrapper() {
    let (installed, _) = tree();
    let root = installed.prefix.display();
    lay(
        &installed.prefix,
        "usr/lib/python-exec/python3.9/foo 755 \"#!/bin/sh\\necho good\\n\"\n\
         other/bin/foo/ 755\n\
         other/lib/python-exec/python3.14/foo 755 \"#!/bin/sh\\necho EVIL\\n\"",
    );
    let path = format!("{root}/other/bin:{root}/usr/bin:/usr/bin:/bin");
    for words in [&["dash", "foo"][..], &["bash", "foo"], &["py-exec", "foo"]] {
        // A shell that is given a bare name looks into the working directory first.
        let run = Tool::new("/usr/bin/env")
            .args(words)
            .env("PATH", &path)
            .env_remove("EPYTHON")
            .in_directory(installed.bin())
            .run()
            .expect(0);
        assert_eq!(run.stdout, "good\n", "{words:?}");
    }
}

#[test]
fn the_configuration_of_another_user_is_not_read() {
    let (installed, wrappers) = tree();
    for name in ["python3.9", "python3.10"] {
        let line = "755 \"#!/bin/sh\\necho ${0#*/python-exec/}\\n\"";
        lay(&installed.root(), &format!("{name}/foo {line}"));
    }
    lay(
        &installed.prefix,
        "home/python-exec/foo.conf 644 \"python3.9\\n\"",
    );
    let conf = installed.prefix.join("home/python-exec/foo.conf");
    let chosen = || {
        wrappers.each_ref().map(|wrapper| {
            let tool = Tool::new(wrapper).env_remove("EPYTHON");
            tool.env("XDG_CONFIG_HOME", installed.prefix.join("home"))
                .run()
                .expect(0)
                .stdout
        })
    };
    assert_eq!(chosen(), ["python3.9/foo\n"; 3]);
    if !rustix::process::geteuid().is_root() {
        test_support::cannot_run_here(
            "the_configuration_of_another_user_is_not_read",
            "it gives a file away, as root",
        );
        return;
    }
    chown(&conf, Some(12345), None).unwrap();
    assert_eq!(chosen(), ["python3.10/foo\n"; 3]);
    // Another user's home, closed: nothing is read, and nothing is said.
    let home = installed.prefix.join("home");
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    for directory in [&installed.prefix, installed.prefix.parent().unwrap()] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for owner in [0, 12345] {
        // Open to all, with a file in it that only its owner may read; or closed.
        let mode = if owner == 0 { 0o700 } else { 0o755 };
        fs::set_permissions(&home, fs::Permissions::from_mode(mode)).unwrap();
        fs::set_permissions(&conf, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&home, Some(owner), None).unwrap();
        chown(&conf, Some(owner), None).unwrap();
        for wrapper in &wrappers {
            let run = Tool::new("setpriv")
                .args(["--reuid=54321", "--regid=54321", "--clear-groups"])
                .arg(wrapper)
                .env_remove("EPYTHON")
                .env("XDG_CONFIG_HOME", &home)
                .run()
                .expect(0);
            assert_eq!(
                (run.stdout.as_str(), run.stderr.as_str()),
                ("python3.10/foo\n", "")
            );
        }
    }
}

#[test]
fn the_script_gets_the_same_environment() {
    let (installed, wrappers) = tree();
    lay(
        &installed.prefix,
        "usr/lib/python-exec/python3.9/foo 755 \"#!/bin/dash\\nenv -0 | sort -z | tr '\\\\0' '\\\\n'\\n\"",
    );
    let script = installed.root().join("python3.9/foo");
    let ask = |path: &Path| {
        let run = Tool::new(path)
            .env("A", "x\ny")
            .env("root", "x")
            .env("name", "y")
            .env("IFS", ":");
        run.env_remove("EPYTHON")
            .env_remove("_")
            .run()
            .expect(0)
            .stdout
    };
    let direct = ask(&script);
    assert!(
        direct.contains("A=x\ny\n") && direct.contains("root=x\n"),
        "{direct}"
    );
    for wrapper in &wrappers {
        assert_eq!(ask(wrapper), direct, "{}", wrapper.display());
    }
}
