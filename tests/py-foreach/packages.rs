//! Real packages by real interpreters, built through pip.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::{Tool, cannot_run_here, listing, pythons, scratch};

use crate::tool;

/// The words that install into an image by the setuptools of [`builders`]: no network is asked.
const PIP: [&str; 11] = [
    "python",
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--no-index",
    "--no-build-isolation",
    "--no-deps",
    "--ignore-installed",
    "--no-compile",
];

/// What builds the packages, for every Python from 3.8 on.
const SETUPTOOLS: &str = "setuptools==75.3.2";

/// Interpreters and a PYTHONPATH by which they build.
pub(crate) struct Builders {
    pub(crate) pythons: Vec<pythons::Python>,
    path: PathBuf,
}

impl Builders {
    /// A py-foreach whose jobs find that setuptools.
    fn foreach(&self) -> Tool {
        tool().env("PYTHONPATH", &self.path)
    }
}

/// The newest `count` interpreters, or nothing if setuptools cannot be had, which has been said.
fn builders(test: &str, count: usize) -> Option<Builders> {
    let pythons = pythons::newest(test, count)?;
    // Kept from one run of the tests to the next.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(SETUPTOOLS);
    if !path.is_dir() {
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let target = place.path().join("it");
        let install = [
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "--no-compile",
            "--target",
        ];
        let got = Command::new(&pythons[0].path)
            .args(install)
            .arg(&target)
            .arg(SETUPTOOLS)
            .output();
        let got = got.expect("the interpreter runs");
        if !got.status.success() {
            let why = String::from_utf8_lossy(&got.stderr).into_owned();
            cannot_run_here(
                test,
                why.lines().last().unwrap_or("pip cannot get setuptools"),
            );
            return None;
        }
        // Whoever comes first has it; the others' is thrown away.
        fs::rename(&target, &path).ok();
    }
    Some(Builders { pythons, path })
}

/// The words of `-i` for these interpreters.
pub(crate) fn named(pythons: &[pythons::Python]) -> String {
    let paths: Vec<String> = pythons
        .iter()
        .map(|p| p.path.display().to_string())
        .collect();
    paths.join(",")
}

/// The sample package, which has one of everything.
pub(crate) fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/greetings")
}

/// What pip knows to be installed, except where it looks at our own changes.
fn installed(python: &pythons::Python) -> String {
    let said = Command::new(&python.path)
        .args(["-m", "pip", "list", "--disable-pip-version-check"])
        .output();
    String::from_utf8_lossy(&said.expect("pip runs").stdout).into_owned()
}

#[test]
fn a_package_is_built_for_all_at_once_and_nothing_else_is_touched() {
    let Some(builders) = builders("a_package_is_built_for_all_at_once", 3) else {
        return;
    };
    let pythons = &builders.pythons;
    let scratch = scratch();
    let images = scratch.path().join("images");
    let before = (
        listing(&sample()),
        pythons.iter().map(installed).collect::<Vec<_>>(),
    );
    let run = builders
        .foreach()
        .args(["-j3", "-i", &named(pythons), "--copy-sources"])
        .arg(sample())
        .arg("--images")
        .arg(&images)
        .args(PIP)
        .args(["--prefix=/usr", "--root={destdir}", "."])
        .run()
        .expect(0);
    let record =
        |p: &pythons::Python| format!("{}\t{}", p.epython, images.join(&p.epython).display());
    let mut expected: Vec<String> = pythons.iter().map(record).collect();
    expected.push("end\t0".to_owned());
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), expected);
    for python in pythons {
        let image = images.join(&python.epython);
        assert!(image.join("usr/bin/greet").is_file());
        assert!(image.join("usr/share/greetings/greetings.txt").is_file());
        let site = site_of(&image);
        let import = "import greetings._count as c; print(c.__file__)";
        let said = Command::new(&python.path)
            .env("PYTHONPATH", &site)
            .args(["-c", import])
            .output()
            .unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(
            said.starts_with(&site.display().to_string()),
            "{said} in {}",
            site.display()
        );
        let shebang = fs::read_to_string(image.join("usr/bin/greet")).unwrap();
        assert!(
            shebang.starts_with(&format!("#!{}\n", python.path.display())),
            "{shebang}"
        );
    }
    let after = (
        listing(&sample()),
        pythons.iter().map(installed).collect::<Vec<_>>(),
    );
    assert_eq!(before, after);
}

/// The one directory of modules in an image.
fn site_of(image: &Path) -> PathBuf {
    let found = Command::new("find")
        .arg(image)
        .args(["-name", "greetings", "-path", "*-packages/*"])
        .output();
    let found = String::from_utf8(found.expect("find runs").stdout).expect("a path");
    Path::new(found.trim_end())
        .parent()
        .expect("a directory of modules")
        .to_owned()
}

#[test]
fn the_interpreters_of_debian_install_below_usr() {
    let test = "the_interpreters_of_debian_install_below_usr";
    let debians: Vec<&str> = ["/usr/bin/pypy3", "/usr/bin/python3"]
        .into_iter()
        .filter(|p| Path::new(p).is_file())
        .collect();
    let is_debians = Command::new("/usr/bin/python3")
        .args([
            "-c",
            "import sysconfig; sysconfig.get_path('purelib', 'deb_system')",
        ])
        .output();
    if debians.len() < 2 || !is_debians.is_ok_and(|said| said.status.success()) {
        return cannot_run_here(test, "it needs Debian's python3 and pypy3");
    }
    let Some(builders) = builders(test, 1) else {
        return;
    };
    let scratch = scratch();
    let images = scratch.path().join("images");
    let said = builders
        .foreach()
        .args(["-q", "-i", &debians.join(","), "--copy-sources"])
        .arg(sample())
        .arg("--images")
        .arg(&images)
        .env_remove("DEB_PYTHON_INSTALL_LAYOUT")
        .args(["sh", "-c"])
        .arg(format!(
            "echo $EPYTHON $PYTHON_SITEDIR; exec {} --prefix=/usr --root=$IMAGE .",
            PIP.join(" ")
        ))
        .run()
        .expect(0);
    let cpython = said
        .stdout
        .lines()
        .filter_map(|line| line.split('\t').next())
        .find(|n| n.starts_with("python"));
    let image = images.join(cpython.expect("a record of python3"));
    assert!(image.join("usr/bin/greet").is_file());
    assert!(
        image
            .join("usr/lib/python3/dist-packages/greetings/__init__.py")
            .is_file()
    );
    assert!(
        said.stderr.contains("/usr/lib/python3/dist-packages\n"),
        "{}",
        said.stderr
    );
    let shared: BTreeSet<PathBuf> = files(&image)
        .intersection(&files(&images.join("pypy3")))
        .cloned()
        .collect();
    let metadata: Vec<_> = shared
        .iter()
        .filter(|p| p.ends_with("RECORD") || p.ends_with("WHEEL"))
        .collect();
    assert!(
        metadata.is_empty(),
        "two images would disagree about {metadata:?}"
    );
}

/// The files below `root`, by their paths in it.
fn files(root: &Path) -> BTreeSet<PathBuf> {
    let found = Command::new("find")
        .arg(root)
        .args(["-type", "f", "-printf", "%P\\n"])
        .output();
    let found = String::from_utf8(found.expect("find runs").stdout).expect("paths");
    found.lines().map(PathBuf::from).collect()
}

#[test]
fn make_below_setup_py_below_pip_draws_from_the_pool() {
    let test = "make_below_setup_py_below_pip_draws_from_the_pool";
    let Some(builders) = builders(test, 1) else {
        return;
    };
    let pythons = &builders.pythons;
    let source = scratch();
    let met = scratch();
    let recipe = format!(
        ": > {0}/here.$$$$; until [ `ls {0} | wc -l` -ge 3 ]; do sleep 0.02; done",
        met.path().display()
    );
    fs::write(
        source.path().join("Makefile"),
        format!("all: a b c\na b c:\n\t@{recipe}\n"),
    )
    .unwrap();
    fs::write(
        source.path().join("setup.py"),
        "import subprocess\n\
         from setuptools import setup\n\
         from setuptools.command.build_py import build_py\n\
         class Build(build_py):\n    def run(self):\n        subprocess.check_call(['make'])\n        build_py.run(self)\n\
         setup(name='below', version='1', py_modules=['below'], cmdclass={'build_py': Build})\n",
    )
    .unwrap();
    fs::write(source.path().join("below.py"), "").unwrap();
    let outcome = builders
        .foreach()
        .args([
            "-q",
            "-j3",
            "--memory=off",
            "--timeout=60",
            "-i",
            &named(pythons),
            "--copy-sources",
        ])
        .arg(source.path())
        .args(PIP)
        .args(["-v", "--target=out", "."])
        .run()
        .expect(0);
    assert!(
        !outcome.stdout.contains("jobserver unavailable"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn packages_of_pypi_are_built_in_parallel() {
    let test = "packages_of_pypi_are_built_in_parallel";
    let Some(builders) = builders(test, 3) else {
        return;
    };
    let pythons = &builders.pythons;
    let scratch = scratch();
    let download = [
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-binary=:all:",
        "MarkupSafe==2.1.5",
        "-d",
    ];
    let got = Command::new("python3")
        .args(download)
        .arg(scratch.path())
        .output()
        .expect("python3 runs");
    if !got.status.success() {
        let why = String::from_utf8_lossy(&got.stderr).into_owned();
        return cannot_run_here(test, why.lines().last().unwrap_or("pip cannot download"));
    }
    let unpacked = Command::new("tar")
        .args(["xzf", "MarkupSafe-2.1.5.tar.gz"])
        .current_dir(scratch.path())
        .status()
        .unwrap();
    assert!(unpacked.success());
    let source = scratch.path().join("MarkupSafe-2.1.5");
    let before = listing(&source);
    builders
        .foreach()
        .args([
            "-q",
            "-j3",
            "-i",
            &named(pythons),
            "--images=images",
            "--copy-sources",
        ])
        .arg(&source)
        .args(PIP)
        .args(["--prefix=/usr", "--root={destdir}", "."])
        .in_directory(scratch.path())
        .run()
        .expect(0);
    assert_eq!(listing(&source), before);
    for python in pythons {
        let found = files(&scratch.path().join("images").join(&python.epython));
        let digits = python.epython.trim_start_matches("python").replace('.', "");
        let extension = format!("_speedups.cpython-{digits}");
        assert!(
            found
                .iter()
                .any(|p| p.to_string_lossy().contains(&extension)),
            "{extension} in {found:?}"
        );
    }
}
