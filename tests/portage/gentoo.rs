//! Real ebuilds with Gentoo's own eclasses. `GENTOO_REPO` has to name a checkout of its repository.
//!
//! `GENTOO_EBUILDS` names other packages of `dev-python`; their sources come from the package index.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::image::differences;
use crate::rig::{Rig, variant};

/// C, Cython that writes into the source tree, and a pure package with a script.
const PACKAGES: &str = "markupsafe msgpack pygments";

/// Their build systems, and Gentoo's front end to them.
const MODULES: &str = "gpep517 installer setuptools wheel cython hatchling flit_core";

#[test]
fn real_ebuilds_give_the_same_image_with_and_without_the_line() {
    let Ok(repository) = env::var("GENTOO_REPO") else {
        report_that_it_did_not_run();
        return;
    };
    let packages = env::var("GENTOO_EBUILDS").unwrap_or_else(|_| PACKAGES.to_owned());
    let settings = [
        ("RIG_GENTOO", repository.as_str()),
        ("RIG_MODULES", MODULES),
    ];
    let Some(rig) = Rig::with_settings("gentoo", &settings) else {
        return;
    };
    let pythons = rig.pythons();
    let all: Vec<String> = pythons.iter().map(|p| variant(p)).collect();
    // A fixed hash seed gives the sets in byte code one order.
    let rig = rig
        .with_variable("PYTHON_COMPAT_OVERRIDE", &all.join(" "))
        .with_variable("PYTHONHASHSEED", "0");
    for package in packages.split_whitespace() {
        let (file, version) = newest(
            &Path::new(&repository).join("dev-python").join(package),
            package,
        );
        fetch(&rig, package, &version);
        gives_the_same_image(&rig, &file, &format!("{package}-{version}"));
    }
}

/// Reports to the summary of `make check`, or else to stderr, past the test harness, which would hide it.
fn report_that_it_did_not_run() {
    let why = "set GENTOO_REPO to a checkout of Gentoo's repository";
    if env::var_os("PY_MULTIBUILD_NOT_RUN").is_some() {
        test_support::cannot_run_here("real Gentoo ebuilds", why);
    } else {
        writeln!(
            std::io::stderr(),
            "\n*** NOT RUN: real Gentoo ebuilds: {why} ***\n"
        )
        .expect("standard error");
    }
}

fn gives_the_same_image(rig: &Rig, file: &Path, package: &str) {
    fs::write(rig.home().join("config/etc/portage/bashrc"), "").expect("an empty bashrc");
    let noticed = notices(&rig.ebuild_file(file, "install").expect(0).stdout);
    let without = rig.keep_image(package);
    rig.add_the_line();
    let outcome = rig.ebuild_file(file, "install").expect(0);
    assert_eq!(notices(&outcome.stdout), noticed, "{}", outcome.stdout);
    let found = differences(&without, &rig.image(package));
    assert_eq!(found, Vec::<String>::new(), "{package}");
    writeln!(
        std::io::stderr(),
        "{package}: the same image with and without the line"
    )
    .expect("standard error");
}

/// The QA notices in the output; some packages have them in any case.
fn notices(said: &str) -> Vec<String> {
    let mut notices: Vec<String> = said
        .lines()
        .filter(|line| line.contains("QA Notice"))
        .map(str::to_owned)
        .collect();
    notices.sort_unstable();
    notices
}

/// The ebuild with the highest version that consists of numbers, and that version.
fn newest(directory: &Path, package: &str) -> (PathBuf, String) {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    entries
        .filter_map(|entry| {
            let path = entry.expect("an entry").path();
            let version = path
                .file_stem()?
                .to_str()?
                .strip_prefix(package)?
                .strip_prefix('-')?
                .to_owned();
            let numbers: Option<Vec<u32>> = version.split('.').map(|n| n.parse().ok()).collect();
            Some((numbers?, path, version))
        })
        .filter(|(numbers, path, _)| {
            path.extension().is_some_and(|e| e == "ebuild") && numbers[0] != 9999
        })
        .max()
        .map_or_else(
            || panic!("no ebuild in {}", directory.display()),
            |(_, path, version)| (path, version),
        )
}

fn fetch(rig: &Rig, package: &str, version: &str) {
    let status = Command::new(rig.prefix().join("bin/pip"))
        .args([
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--no-binary",
            ":all:",
        ])
        .arg("--dest")
        .arg(rig.home().join("distfiles"))
        .arg(format!("{package}=={version}"))
        .status()
        .expect("pip starts");
    assert!(
        status.success(),
        "the sources of {package} {version} cannot be fetched"
    );
}
