//! What the program answers to a person.

use std::path::Path;

use test_support::{Tool, lay, manual};

use crate::program::{ask, foo, programs, tree};

#[test]
fn every_candidate_is_explained() {
    for program in programs() {
        let tree = tree(
            &program,
            &["python3.9", "python3.10", "python3.11", "pypy3"],
        );
        lay(
            tree.path(),
            "etc/python-exec/foo.conf 644 \"python3.12\\npython3.9\\n-python3.10\\n\"\n\
             usr/lib/python-exec/python3.9/foo 755 \"#!/nowhere/x\\n\"",
        );
        let root = tree.path().canonicalize().unwrap();
        let root = root.display();
        let layout = format!("--layout=/none:{root}/etc");
        let path = format!("{root}/usr/bin:/usr/bin");
        let run = ask(&program, tree.path())
            .args([&layout, "--explain", "foo"])
            .env("PATH", path)
            .env("EPYTHON", "python3.11")
            .run()
            .expect(0);
        let scripts = format!("{root}/usr/lib/python-exec");
        assert_eq!(
            run.stdout,
            format!(
                "script root: {scripts}\n\
                 python3.11 (EPYTHON): taken: {scripts}/python3.11/foo\n\
                 configuration: {root}/etc/python-exec/foo.conf\n\
                 python3.12 (configured): not taken: no {scripts}/python3.12/foo\n\
                 python3.9 (configured): not taken: its interpreter is missing: #!/nowhere/x\n\
                 python3.10: not taken: disabled by the configuration\n\
                 pypy3 (there): not needed: {scripts}/pypy3/foo\n"
            )
        );
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn the_implementations_are_listed_in_order() {
    for program in programs() {
        let tree = tree(
            &program,
            &["pypy3", "python3.9", "python3.10", "python3.10t"],
        );
        let root = tree.path().join("usr/lib/python-exec");
        let layout = format!("--layout={}", root.display());
        let run = ask(&program, tree.path())
            .args([&layout, "--list-implementations"])
            .run()
            .expect(0);
        assert_eq!(run.stdout, "python3.10\npython3.10t\npython3.9\npypy3\n");
    }
}

#[test]
fn more_implementations_than_fit_are_all_listed() {
    let names: Vec<_> = (0..100).map(|minor| format!("python3.{minor}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    for program in programs() {
        let tree = tree(&program, &names);
        let layout = format!(
            "--layout={}",
            tree.path().join("usr/lib/python-exec").display()
        );
        let run = ask(&program, tree.path())
            .args([&layout, "--list-implementations"])
            .run()
            .expect(0);
        let listed: Vec<_> = run.stdout.lines().rev().collect();
        assert_eq!(listed, names);
    }
}

#[test]
fn help_and_version_are_there_and_every_option_is_in_the_manual() {
    for program in programs() {
        let version = ask(&program, Path::new("/"))
            .arg("--version")
            .run()
            .expect(0)
            .stdout;
        assert_eq!(version, format!("py-exec {}\n", env!("CARGO_PKG_VERSION")));
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../man/py-exec.1");
        manual::assert_options_match(program.to_str().unwrap(), Path::new(page));
    }
}

#[test]
fn a_part_of_the_layout_that_is_none_moves_no_other() {
    for program in programs() {
        let tree = tree(&program, &["python3.9"]);
        let line = "755 \"#!/bin/sh\\n\"";
        lay(
            tree.path(),
            &format!(
                "etc/python-exec/foo.conf 644 \"python3.9\\n\"\n\
                 opt/bin/foo {line}\nopt/scripts/python3.9/foo {line}"
            ),
        );
        let root = tree.path().canonicalize().unwrap();
        let (shown, copy) = (root.display(), root.join("opt/bin/foo"));
        for (layout, scripts) in [
            (format!("rel:{shown}/etc:../scripts"), "opt/scripts"),
            (format!(":{shown}/etc:../scripts"), "opt/scripts"),
            (
                format!("{shown}/usr/lib/python-exec:{shown}/etc"),
                "usr/lib/python-exec",
            ),
            (
                format!("{shown}/usr/lib/python-exec:{shown}/etc:"),
                "usr/lib/python-exec",
            ),
            (
                format!("{shown}/usr/lib/python-exec:{shown}/etc:{shown}/opt/scripts"),
                "usr/lib/python-exec",
            ),
        ] {
            let run = ask(&program, tree.path())
                .arg(format!("--layout={layout}"))
                .arg("--explain")
                .arg(&copy)
                .run()
                .expect(0);
            let begin = format!(
                "script root: {shown}/{scripts}\nconfiguration: {shown}/etc/python-exec/foo.conf\n"
            );
            assert!(run.stdout.starts_with(&begin), "{layout}: {}", run.stdout);
        }
    }
}

#[test]
fn odd_arguments_get_one_line_and_a_status() {
    let cases: [(&[&str], i32, &str); 10] = [
        (&["--bogus"], 1, "py-exec: --bogus is not an option"),
        (&["-x", "y"], 1, "py-exec: -x is not an option"),
        (&["--explain"], 1, "py-exec: --explain needs the NAME"),
        (
            &["--explain", "a", "b"],
            1,
            "py-exec: --explain takes one NAME",
        ),
        (&["--help", "x"], 1, "py-exec: --help takes no argument"),
        (&["--list-implementations", "x"], 1, "takes no argument"),
        (&[""], 127, "python-exec: \"\" names no script."),
        (&["/"], 127, "python-exec: \"/\" names no script."),
        (
            &["--explain", ""],
            127,
            "python-exec: \"\" names no script.",
        ),
        (
            &["--explain", "/usr/"],
            127,
            "python-exec: \"/usr/\" names no script.",
        ),
    ];
    for program in programs() {
        for (words, status, said) in cases {
            let run = ask(&program, Path::new("/")).args(words).run();
            let run = run.expect(status).complains(said);
            assert_eq!(run.stdout, "", "{words:?}");
        }
    }
}

#[test]
fn through_a_link_every_argument_is_the_scripts() {
    for program in programs() {
        let tree = tree(&program, &[]);
        lay(
            tree.path(),
            "usr/lib/python-exec/python3.9/foo 755 \"#!/bin/sh\\necho \\\"$@\\\"\\n\"",
        );
        for word in ["--bogus", "--explain", "--help", "/"] {
            let run = foo(tree.path()).args([word, "b"]).run();
            assert_eq!(run.expect(0).stdout, format!("{word} b\n"));
        }
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    for program in programs() {
        let tree = tree(&program, &["python3.9", "python3.10"]);
        let wrapper = tree.path().join("usr/bin/foo");
        for words in [
            &["--help"][..],
            &["--version"],
            &["--list-implementations"],
            &["--explain", wrapper.to_str().unwrap()],
        ] {
            let layout = format!("--layout={}/usr/lib/python-exec", tree.path().display());
            let run = Tool::new("/bin/sh")
                .args(["-c", "exec \"$@\" > /dev/full", "sh"])
                .arg(&program)
                .arg(layout)
                .args(words)
                .env("XDG_CONFIG_HOME", tree.path().join("home"))
                .run();
            run.expect(1)
                .complains("py-exec: write standard output: No space left on device");
        }
    }
}
