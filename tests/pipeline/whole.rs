//! The pipe of the README makes the same tree as a serial loop with `cp -a`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use test_support::listing;
use test_support::pythons::{self, Python};

use crate::bench::{Bench, WRAP_AND_MERGE};

/// Without debugging data, which holds the directory of the build; the two ways build in different ones.
const FLAGS: &str = "export CFLAGS=-g0 SOURCE_DATE_EPOCH=1700000000 PIP_ROOT_USER_ACTION=ignore\n";

const PIP: &str = "python -m pip --quiet install --no-deps --ignore-installed --no-compile \
                   --prefix=/usr --root={destdir} .";

fn pipe(pythons: &[Python]) -> String {
    format!(
        "{FLAGS}set -o pipefail\n\
         py-foreach -i '{}' --copy-sources source --images images -- {PIP} \
         | {WRAP_AND_MERGE}",
        pythons::paths(pythons)
    )
}

/// The same as a loop: one Python after another, each image copied over the earlier ones.
fn serial_loop(pythons: &[Python]) -> String {
    let one = |Python { epython, path }: &Python| {
        let pip = PIP.replacen("python", path.to_str().expect("UTF-8"), 1);
        let pip = pip.replace("{destdir}", &format!("$PWD/../serial/{epython}"));
        format!(
            "rm -rf copy; cp -a source copy; (cd copy && {pip})\n\
             py-wrapper --impl {epython} $PWD/serial/{epython}\n\
             cp -a serial/{epython}/. expected/\n"
        )
    };
    let each: Vec<_> = pythons.iter().map(one).collect();
    format!("{FLAGS}set -e\nmkdir expected\n{}", each.join(""))
}

#[test]
fn the_pipe_makes_the_tree_of_a_serial_loop() {
    let Some(pythons) = pythons::newest("the whole pipe against a serial loop", 3) else {
        return;
    };
    let bench = Bench::new();
    let source = bench.sample();
    let source_before = listing(&source);
    let installed_before = installed(&pythons);

    bench.run(&pipe(&pythons)).expect(0);

    assert_eq!(
        listing(&source),
        source_before,
        "the source tree is unchanged"
    );
    assert_eq!(
        installed(&pythons),
        installed_before,
        "the list of installed packages is unchanged"
    );
    assert_eq!(
        bench.left_over(),
        [] as [&Path; 0],
        "no temporary file is left"
    );
    assert_no_image_is_left(&bench, &pythons);

    bench.run(&serial_loop(&pythons)).expect(0);
    let (merged, expected) = (
        comparable(&bench.path("dest")),
        comparable(&bench.path("expected")),
    );
    assert_eq!(
        merged.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>(),
        "the same paths"
    );
    for (path, entry) in &merged {
        assert_eq!(entry, &expected[path], "{path}");
    }
    let shared = merged.keys().filter(|path| path.ends_with("greetings.txt"));
    assert_eq!(shared.count(), 1, "the shared file is there once");

    assert_names_no_image(&bench);
    for python in &pythons {
        assert_runs(&bench, python);
    }
}

#[test]
fn pips_own_installation_of_the_package_is_not_uninstalled() {
    let Some(pythons) = pythons::newest("a package that is installed already", 1) else {
        return;
    };
    let bench = Bench::new();
    bench.sample();
    let venv = bench.path("venv");
    bench
        .run(&format!(
            "{FLAGS}{} -m venv venv && cp -R source first && venv/bin/python -m pip --quiet install ./first",
            pythons[0].path.display()
        ))
        .expect(0);
    let python = Python {
        epython: pythons[0].epython.clone(),
        path: venv.join("bin/python"),
    };
    let before = installed(std::slice::from_ref(&python));
    assert!(before[0].contains("greetings"), "{before:?}");
    bench.run(&pipe(std::slice::from_ref(&python))).expect(0);
    assert_eq!(installed(std::slice::from_ref(&python)), before);
}

#[test]
fn debians_python_and_pypy_end_in_the_same_tree() {
    test_support::need_command("pypy3", "pypy3");
    let bench = Bench::new();
    bench.sample();
    bench
        .run(&format!(
            "{FLAGS}set -o pipefail\n\
             py-foreach -i '/usr/bin/python3 /usr/bin/pypy3' --copy-sources source --images images -- {PIP} \
             | {WRAP_AND_MERGE}"
        ))
        .expect(0);
    let names = fs::read_dir(bench.path("dest/usr/lib/python-exec")).expect("a script root");
    let mut epythons: Vec<_> = names
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .filter(|name| !name.starts_with("py-exec"))
        .collect();
    epythons.sort();
    assert_eq!(epythons.len(), 2, "{epythons:?}");
    for epython in epythons {
        let path = if epython.starts_with("pypy") {
            "/usr/bin/pypy3".into()
        } else {
            "/usr/bin/python3".into()
        };
        assert_runs(&bench, &Python { epython, path });
    }
}

/// `pip list` of each interpreter.
fn installed(pythons: &[Python]) -> Vec<String> {
    let list = |python: &Python| {
        let output = Command::new(&python.path)
            .args(["-m", "pip", "list", "--format=freeze"])
            .output()
            .expect("pip runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    pythons.iter().map(list).collect()
}

/// Asserts that no image is left: `--method=move` consumes it.
fn assert_no_image_is_left(bench: &Bench, pythons: &[Python]) {
    for python in pythons {
        let image = bench.path("images").join(&python.epython);
        assert!(image.symlink_metadata().is_err(), "{}", image.display());
    }
}

/// Every path below `root` with its type, mode and content. It leaves out `direct_url.json`, which holds the path of the
/// copy that pip built from, and its line in RECORD.
fn comparable(root: &Path) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    for line in listing(root).lines() {
        let path = line.split(' ').next().expect("a path").to_owned();
        if path.ends_with("/direct_url.json") {
            continue;
        }
        let entry = if path.ends_with("/RECORD") {
            record_without_url(&root.join(&path))
        } else {
            line.to_owned()
        };
        entries.insert(path, entry);
    }
    entries
}

fn record_without_url(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a RECORD");
    let mut lines: Vec<_> = text
        .lines()
        .filter(|l| !l.contains("direct_url.json"))
        .collect();
    lines.sort_unstable();
    let mode = path.metadata().expect("metadata").mode();
    format!("{mode:o}\n{}", lines.join("\n"))
}

/// Asserts that no file of the destination contains the path of an image.
fn assert_names_no_image(bench: &Bench) {
    let images = bench.path("images");
    let images = images.to_str().expect("UTF-8");
    let found = Command::new("grep")
        .args(["-rlF", images])
        .arg(bench.path("dest"))
        .output()
        .expect("grep runs");
    assert_eq!(found.status.code(), Some(1), "{found:?}");
}

/// Asserts that the implementation imports the extension from the destination and runs both scripts.
fn assert_runs(bench: &Bench, python: &Python) {
    let dest = bench.path("dest");
    let sitedirs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/sitedirs.py");
    let output = Command::new(&python.path)
        .arg(sitedirs)
        .arg(&dest)
        .output()
        .expect("it runs");
    let site = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        !site.trim().is_empty(),
        "{} finds no site directory",
        python.epython
    );
    for script in ["greet", "greet-all"] {
        let run = Command::new(dest.join("usr/bin").join(script))
            .env("EPYTHON", &python.epython)
            .env("PYTHONPATH", site.trim())
            .env_remove("PYTHONHOME")
            .output()
            .expect("the script starts");
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(
            run.status.success(),
            "{script} under {}: {run:?}",
            python.epython
        );
        assert!(
            said.contains(&version_of(python)),
            "{script} under {}: {said}",
            python.epython
        );
    }
}

/// The interpreter's own name and version: `CPython 3.12.1`.
fn version_of(python: &Python) -> String {
    let output = Command::new(&python.path)
        .args([
            "-c",
            "import platform as p; print(p.python_implementation(), p.python_version())",
        ])
        .output()
        .expect("the interpreter runs");
    String::from_utf8(output.stdout)
        .expect("UTF-8")
        .trim()
        .to_owned()
}
