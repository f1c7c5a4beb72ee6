//! Which implementation runs: by EPYTHON, by the configuration, then the others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use test_support::lay;

use crate::program::{foo, programs, tree};

/// Asserts that the script of `name` runs, and that `said` is the whole standard error.
fn runs(tree: &Path, name: &str, said: &str) {
    let run = foo(tree).run().expect(0);
    assert_eq!(
        (run.stdout, run.stderr.as_str()),
        (format!("{name}/foo\n"), said)
    );
}

#[test]
fn the_newest_cpython_comes_first_and_pypy_last() {
    for program in programs() {
        let tree = tree(
            &program,
            &["pypy3", "python3.9", "python3.10", "python3.10t", "junk"],
        );
        for name in ["python3.10", "python3.10t", "python3.9", "pypy3"] {
            runs(tree.path(), name, "");
            fs::remove_dir_all(tree.path().join("usr/lib/python-exec").join(name)).unwrap();
        }
        let root = tree
            .path()
            .canonicalize()
            .unwrap()
            .join("usr/lib/python-exec");
        let words = format!(
            "foo: no python-exec wrapped executable found in {}.",
            root.display()
        );
        foo(tree.path()).run().expect(127).complains(&words);
    }
}

#[test]
fn the_configuration_is_the_first_file_that_opens() {
    for program in programs() {
        let all = [
            "python3.9",
            "python3.10",
            "python3.11",
            "python3.12",
            "python3.13",
        ];
        let tree = tree(&program, &all);
        for (file, name) in [
            ("etc/python-exec/python-exec.conf", "python3.9"),
            ("home/python-exec/python-exec.conf", "python3.10"),
            ("etc/python-exec/foo.conf", "python3.11"),
            ("home/python-exec/foo.conf", "python3.12"),
        ] {
            let text = format!("# {name}\\n-python3.13\\n{name}");
            lay(tree.path(), &format!("{file} 644 \"{text}\""));
            runs(tree.path(), name, "");
        }
        let run = foo(tree.path())
            .env("EPYTHON", "python3.13")
            .run()
            .expect(0);
        assert_eq!(
            run.stdout, "python3.13/foo\n",
            "EPYTHON wins over the configuration"
        );
    }
}

#[test]
fn invalid_lines_of_a_configuration_are_reported_and_ignored() {
    for program in programs() {
        let tree = tree(&program, &["python3.9", "python3.10", "pypy3"]);
        let conf = tree
            .path()
            .canonicalize()
            .unwrap()
            .join("etc/python-exec/foo.conf");
        let long = "x".repeat(3000);
        let conf = conf.display();
        for (text, name, said) in [
            ("", "python3.10", String::new()),
            ("\\n\\n# x\\n", "python3.10", String::new()),
            ("python3.11\\n-python3.10", "python3.9", String::new()),
            ("python3.9\\n-python3.9\\n", "python3.9", String::new()),
            (
                "-python3.9\\n-python3.10\\npython3.9\\n",
                "pypy3",
                String::new(),
            ),
            (
                "../../x\\npypy3\\n",
                "pypy3",
                format!("python-exec: Invalid impl in {conf}: ../../x\n"),
            ),
            (
                " python3.9\\n",
                "python3.10",
                format!("python-exec: Invalid impl in {conf}:  python3.9\n"),
            ),
            // The end of a long line is not a line of its own.
            (
                &format!("{long}python3.9\\npypy3\\n"),
                "pypy3",
                format!("python-exec: Invalid impl in {conf}: {long}python3.9\n"),
            ),
        ] {
            lay(
                tree.path(),
                &format!("etc/python-exec/foo.conf 644 \"{text}\""),
            );
            runs(tree.path(), name, &said);
        }
        fs::remove_file(tree.path().join("etc/python-exec/foo.conf")).unwrap();
        let large = format!("{}pypy3\\n", "#\\n".repeat(5000));
        lay(
            tree.path(),
            &format!("etc/python-exec/foo.conf 644 \"{large}\""),
        );
        runs(tree.path(), "pypy3", "");
        let larger = format!("{}pypy3\\n", "#\\n".repeat(10_000));
        lay(
            tree.path(),
            &format!("etc/python-exec/foo.conf 644 \"{larger}\""),
        );
        runs(
            tree.path(),
            "python3.10",
            &format!("python-exec: Error reading {conf}: File too large\n"),
        );
    }
}

#[test]
fn a_script_that_cannot_run_is_reported_and_the_next_one_runs() {
    for program in programs() {
        let tree = tree(
            &program,
            &["python3.9", "python3.10", "python3.11", "python3.12"],
        );
        let root = tree
            .path()
            .canonicalize()
            .unwrap()
            .join("usr/lib/python-exec");
        let shown = root.display();
        fs::write(root.join("python3.12/foo"), "#!/nowhere/python3.12 -E\n").unwrap();
        fs::set_permissions(
            root.join("python3.11/foo"),
            fs::Permissions::from_mode(0o644),
        )
        .unwrap();
        fs::remove_file(root.join("python3.10/foo")).unwrap();
        let said = format!(
            "python-exec: Unable to execute {shown}/python3.12/foo: its interpreter is missing: \
             #!/nowhere/python3.12\n\
             python-exec: Unable to execute {shown}/python3.11/foo: Permission denied.\n"
        );
        runs(tree.path(), "python3.9", &said);
    }
}
