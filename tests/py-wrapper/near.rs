//! A wrapper finds the script root that it was made for, even if another one is in the usual place.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use test_support::pythons::Python;
use test_support::{Tool, lay, scratch, sibling};

use crate::installed::interpreters;

/// A prefix with one script, wrapped.
struct Prefix {
    _scratch: TempDir,
    root: PathBuf,
    wrapper: PathBuf,
    script: PathBuf,
}

/// Wraps `foo` of a bin directory; beside every bin directory there is a script root without it, as
/// `make install PREFIX=…` makes one.
fn prefix(kind: &str, bindir: &str, scriptroot: &str, python: &Python) -> Prefix {
    let scratch = scratch();
    let base = scratch.path().canonicalize().unwrap();
    let (root, image) = (base.join("prefix"), base.join("image"));
    let inside = image.join(root.strip_prefix("/").unwrap());
    let line = format!("755 \"#!{}\\nprint(__file__)\\n\"", python.path.display());
    lay(
        &inside,
        &format!("{bindir}/foo {line}\nlibexec/text {line}"),
    );
    let wrap = |kind: &str, bindir: &str| {
        Tool::new(env!("CARGO_BIN_EXE_py-wrapper"))
            .args(["-q", "--impl", &python.epython, "--kind", kind])
            .arg("--eprefix")
            .arg(&root)
            .arg("--bindir")
            .arg(root.join(bindir))
            .arg("--scriptroot")
            .arg(root.join(scriptroot))
            .arg(&image)
            .run()
            .expect(0);
    };
    wrap(kind, bindir);
    // The dispatcher's text, which a wrapper of kind copy is.
    wrap("copy", "libexec");
    fs::rename(&inside, &root).unwrap();
    for other in ["usr/lib/python-exec", "usr/local/lib/python-exec"] {
        lay(&root, &format!("{other}/py-exec2 755 \"\""));
    }
    let scripts = root.join(scriptroot);
    fs::rename(root.join("libexec/text"), scripts.join("py-exec2")).unwrap();
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    let program = sibling(env!("CARGO_BIN_EXE_py-wrapper"), "py-exec");
    fs::copy(program, root.join("usr/bin/py-exec")).unwrap();
    Prefix {
        wrapper: root.join(bindir).join("foo"),
        script: scripts.join(&python.epython).join("foo"),
        root,
        _scratch: scratch,
    }
}

fn assert_runs(tool: Tool, script: &Path, what: &str) {
    let run = tool.env_remove("EPYTHON").env("HOME", "/nonexistent").run();
    assert_eq!(run.stderr, "", "{what}");
    assert_eq!(run.stdout, format!("{}\n", script.display()), "{what}");
}

const PLACES: [(&str, &str); 4] = [
    ("usr/bin", "opt/x"),
    ("usr/local/bin", "usr/lib/python-exec"),
    ("usr/local/bin", "opt/x"),
    ("usr/bin", "usr/lib/python-exec"),
];

#[test]
fn each_kind_finds_its_scripts_from_every_bin_directory() {
    let python = &interpreters()[0];
    for kind in ["script", "link", "copy"] {
        for (bindir, scriptroot) in PLACES {
            let prefix = prefix(kind, bindir, scriptroot, python);
            let what = format!("{kind} in {bindir}, scripts in {scriptroot}");
            assert_runs(Tool::new(&prefix.wrapper), &prefix.script, &what);
            let by_python = Tool::new(&python.path).arg(&prefix.wrapper);
            assert_runs(by_python, &prefix.script, &format!("{what}, by Python"));

            // The whole tree elsewhere: what has no program in its first line still works.
            let moved = prefix.root.with_file_name("moved");
            fs::rename(&prefix.root, &moved).unwrap();
            let there = |path: &Path| moved.join(path.strip_prefix(&prefix.root).unwrap());
            let (wrapper, script) = (there(&prefix.wrapper), there(&prefix.script));
            if kind == "script" {
                assert_runs(Tool::new(&wrapper), &script, &format!("{what}, moved"));
            } else {
                // As the kernel starts it, with the program where it is now.
                let text = fs::read_to_string(&wrapper).unwrap();
                let (_, layout) = text.lines().next().unwrap().split_once(' ').unwrap();
                let program = Tool::new(moved.join("usr/bin/py-exec"));
                let tool = program.arg(layout).arg(&wrapper);
                assert_runs(tool, &script, &format!("{what}, moved"));
            }
            let by_python = Tool::new(&python.path).arg(&wrapper);
            assert_runs(by_python, &script, &format!("{what}, moved, by Python"));
        }
    }
}

#[test]
fn sh_takes_a_script_root_with_special_characters() {
    let python = &interpreters()[0];
    for scriptroot in ["opt/x y", "opt/$HOME", "opt/*", "opt/`x`", "opt/a;b&c|d"] {
        let scratch = scratch();
        let base = scratch.path().canonicalize().unwrap();
        let inside = base.join("image").join(base.strip_prefix("/").unwrap());
        let line = format!("#!{}\\nprint(__file__)\\n", python.path.display());
        lay(&inside, &format!("usr/bin/foo 755 \"{line}\""));
        Tool::new(env!("CARGO_BIN_EXE_py-wrapper"))
            .args(["-q", "--impl", &python.epython, "--eprefix"])
            .arg(&base)
            .arg("--scriptroot")
            .arg(base.join(scriptroot))
            .arg(base.join("image"))
            .run()
            .expect(0);
        let moved = base.join("moved");
        fs::rename(&inside, &moved).unwrap();
        let script = moved.join(scriptroot).join(&python.epython).join("foo");
        let wrapper = moved.join("usr/bin/foo");
        assert_runs(Tool::new(&wrapper), &script, scriptroot);
    }
}
