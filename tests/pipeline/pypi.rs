//! Real packages from `PyPI`, through the pipe, for three Pythons.

use test_support::pythons::{self, Python};

use crate::bench::{Bench, WRAP_AND_MERGE};

/// Source distributions: one with a C extension, one with a console script.
const EXTENSION: &str = "MarkupSafe==2.1.5";
const SCRIPT: &str = "Pygments==2.13.0";

fn fetch(bench: &Bench, python: &Python, package: &str) {
    let python = python.path.display();
    bench
        .run(&format!(
            "set -e\nexport PIP_ROOT_USER_ACTION=ignore\n\
             {python} -m pip --quiet download --no-deps --no-binary=:all: --dest download {package} || \
                 {{ echo 'this test needs the network: pip could not fetch {package} from PyPI' >&2; exit 1; }}\n\
             {python} -c 'import shutil, sys; shutil.unpack_archive(sys.argv[1], \"unpacked\")' download/*\n\
             mv unpacked/* source"
        ))
        .expect(0);
}

fn build(bench: &Bench, pythons: &[Python]) {
    bench
        .run(&format!(
            "export PIP_ROOT_USER_ACTION=ignore\n\
             py-foreach -i '{}' --copy-sources source --images images -- \
                 python -m pip --quiet install --no-deps --ignore-installed --no-compile \
                     --prefix=/usr --root={{destdir}} . \
             | {WRAP_AND_MERGE}",
            pythons::paths(pythons)
        ))
        .expect(0);
}

/// Runs `script` with the PYTHONPATH that `python` needs for the destination.
fn ask(bench: &Bench, python: &Python, script: &str) -> String {
    let sitedirs = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/sitedirs.py");
    let path = python.path.display();
    let epython = &python.epython;
    bench
        .run(&format!(
            "export EPYTHON={epython} PYTHONPATH=$({path} {sitedirs} dest)\n\
             python={path}\n{script}"
        ))
        .expect(0)
        .stdout
}

#[test]
fn every_python_imports_its_own_extension_from_the_destination() {
    let Some(pythons) = pythons::newest(EXTENSION, 3) else {
        return;
    };
    let bench = Bench::new();
    fetch(&bench, &pythons[2], EXTENSION);
    build(&bench, &pythons);
    for python in &pythons {
        let said = ask(
            &bench,
            python,
            "$python -c 'import markupsafe._speedups as s; print(s.__file__, s.escape(\"<\"))'",
        );
        let dest = bench.path("dest/usr/lib").join(&python.epython);
        assert!(said.starts_with(dest.to_str().expect("UTF-8")), "{said}");
        assert!(said.ends_with(" &lt;\n"), "{said}");
    }
}

#[test]
fn a_console_script_runs_under_every_epython() {
    let Some(pythons) = pythons::newest(SCRIPT, 3) else {
        return;
    };
    let bench = Bench::new();
    fetch(&bench, &pythons[2], SCRIPT);
    build(&bench, &pythons);
    for python in &pythons {
        let said = ask(
            &bench,
            python,
            "echo 'x = 1' | dest/usr/bin/pygmentize -l python -f raw; dest/usr/bin/pygmentize -V",
        );
        assert!(said.contains("Token.Name\t'x'"), "{said}");
        assert!(said.contains("Pygments version 2.13.0"), "{said}");
    }
}
