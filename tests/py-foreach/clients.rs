//! The programs below a job draw from one pool: make, ninja, cargo, also below pip and other Python.
//!
//! Two questions are asked of each. Does it get all slots? Jobs that wait for each other (`meet`) end only if
//! it does. Does it get no more? Jobs that count themselves (`count`) tell.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::{Tool, cannot_run_here, lay, need_command, scratch};

use crate::{PROGRAM, on_our_terms, tool};

/// Ends when as many as the first word says have come; the second is the place where they meet.
const MEET: &str = r#"#!/bin/sh
: > "$2/here.$$"
until [ "$(ls "$2" | grep -c '^here')" -ge "$1" ]; do sleep 0.02; done
"#;

/// Notes when it begins and when it ends, and takes some time between.
const COUNT: &str = r#"#!/bin/sh
echo + >> "$1/counted"; sleep 0.03; echo - >> "$1/counted"
"#;

/// A scratch directory with both programs, which are at `meet` and `count` in it.
pub(crate) fn place() -> tempfile::TempDir {
    let place = scratch();
    for (name, text) in [("meet", MEET), ("count", COUNT)] {
        let path = place.path().join(name);
        fs::write(&path, text).expect("a program");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
    }
    fs::create_dir(place.path().join("met")).expect("a directory to meet in");
    place
}

/// The most that ran at once.
pub(crate) fn most(place: &Path) -> usize {
    let text = fs::read_to_string(place.join("counted")).expect("a count");
    let mut now = 0_usize;
    let mut most = 0;
    for line in text.lines() {
        now = if line == "+" { now + 1 } else { now - 1 };
        most = most.max(now);
    }
    assert_eq!(now, 0, "all ended");
    most
}

/// A Makefile: `meet` has `meeting` jobs that wait for each other, `count` has twelve that count.
pub(crate) fn makefile(place: &Path, meeting: usize) {
    let numbers = |n: usize| (1..=n).map(|i| i.to_string()).collect::<Vec<_>>();
    let meet: Vec<String> = numbers(meeting).iter().map(|i| format!("m{i}")).collect();
    let count: Vec<String> = numbers(12).iter().map(|i| format!("c{i}")).collect();
    let at = place.display();
    let text = format!(
        "meet: {meet}\ncount: {count}\nbelow:\n\t$(MAKE) count\n{meet}:\n\t@{at}/meet {meeting} {at}/met\n\
         {count}:\n\t@{at}/count {at}\nV = 0\nshow:\n\t@echo V=$(V)\n",
        meet = meet.join(" "),
        count = count.join(" "),
    );
    fs::write(place.join("Makefile"), text).expect("a Makefile");
}

/// A py-foreach that gives up before the test's reader does.
pub(crate) fn foreach(place: &Path, options: &[&str]) -> Tool {
    tool()
        .args(["-q", "--memory=off", "--timeout=60"])
        .args(options)
        .in_directory(place)
}

/// What a tool without faults says on stderr: nothing.
pub(crate) fn in_peace(tool: Tool) {
    let outcome = tool.run().expect(0);
    assert_eq!(outcome.stderr, "");
    assert!(!outcome.stdout.contains("jobserver"), "{}", outcome.stdout);
}

#[test]
fn make_gets_every_slot_and_no_more() {
    let place = place();
    makefile(place.path(), 3);
    in_peace(foreach(
        place.path(),
        &["-j3", "--variants", "v", "make", "-s", "meet"],
    ));
    in_peace(foreach(
        place.path(),
        &["-j3", "--variants", "v w", "make", "-s", "below"],
    ));
    assert!(most(place.path()) <= 3, "{}", most(place.path()));
}

#[test]
fn one_slot_is_a_serial_make() {
    let place = place();
    makefile(place.path(), 2);
    in_peace(foreach(
        place.path(),
        &["-j1", "--variants", "v w", "make", "-s", "count"],
    ));
    assert_eq!(most(place.path()), 1);
}

#[test]
fn make_below_python_finds_the_pool_that_python_lost() {
    let place = place();
    makefile(place.path(), 3);
    let python = "import subprocess; subprocess.check_call(['make', '-s', 'meet'], close_fds=True)";
    in_peace(foreach(
        place.path(),
        &["-j3", "--variants", "v", "python3", "-c", python],
    ));
    // A make above that Python had descriptors, which did not survive: in their place is a file.
    fs::remove_dir_all(place.path().join("met")).unwrap();
    fs::create_dir(place.path().join("met")).unwrap();
    let script = format!(
        "import os, subprocess; data = os.open('data', os.O_RDWR | os.O_CREAT)\n\
         for number in range(200, 210): os.dup2(data, number)\n\
         {}",
        python
            .replace("close_fds=True", "close_fds=False")
            .replace("import subprocess; ", "")
    );
    fs::write(place.path().join("inner.py"), script).unwrap();
    let outer = "all:\n\t@python3 inner.py\n";
    fs::write(place.path().join("outer.mk"), outer).unwrap();
    in_peace(foreach(
        place.path(),
        &["-j3", "--variants", "v", "make", "-s", "-f", "outer.mk"],
    ));
    assert_eq!(
        fs::read(place.path().join("data")).unwrap(),
        b"",
        "nobody wrote into it"
    );
}

#[test]
fn an_old_make_by_its_absolute_path_goes_on_alone() {
    let make = ["/usr/bin/make", "/bin/make"]
        .into_iter()
        .find(|path| Path::new(path).is_file());
    let place = place();
    makefile(place.path(), 2);
    let make = make.expect("make is here");
    foreach(
        place.path(),
        &["-j2", "--variants", "v", make, "-s", "count"],
    )
    .run()
    .expect(0);
    assert!(most(place.path()) <= 2);
}

#[test]
fn a_make_with_jobs_of_its_own_keeps_them() {
    let place = place();
    makefile(place.path(), 3);
    foreach(
        place.path(),
        &["-j2", "--variants", "v", "make", "-s", "-j3", "meet"],
    )
    .run()
    .expect(0);
}

#[test]
fn the_users_flags_and_overrides_reach_make() {
    let place = place();
    makefile(place.path(), 1);
    let said = foreach(place.path(), &["-j2", "--variants", "v", "make", "show"])
        .env("MAKEFLAGS", "s -j9 -- V=2")
        .run()
        .expect(0);
    assert_eq!(said.stdout, "V=2\n");
}

#[test]
fn a_pool_given_by_an_outer_make_is_shared() {
    let place = place();
    makefile(place.path(), 3);
    let outer = format!(
        "all:\n\t+@{PROGRAM} -q --memory=off --timeout=60 --variants 'v w' sh -c 'make -s meet && make -s count'\n"
    );
    fs::write(place.path().join("outer.mk"), outer).unwrap();
    let make = on_our_terms(Tool::new("make"))
        .args(["-s", "-j3", "-f", "outer.mk"])
        .in_directory(place.path());
    assert_eq!(make.run().expect(0).stderr, "");
    assert!(most(place.path()) <= 3, "{}", most(place.path()));
}

#[test]
fn a_nested_run_shares_the_pool() {
    let place = place();
    makefile(place.path(), 3);
    let inner = [
        PROGRAM,
        "-q",
        "--memory=off",
        "--variants",
        "a b",
        "sh",
        "-c",
        "make -s meet && make -s count",
    ];
    let outer = foreach(place.path(), &["-j3", "--variants", "v w"]).args(inner);
    in_peace(outer);
    assert!(most(place.path()) <= 3, "{}", most(place.path()));
}

/// A build.ninja like [`makefile`]'s.
pub(crate) fn ninja_file(place: &Path, meeting: usize) {
    let at = place.display();
    let mut text = format!(
        "rule meet\n  command = {at}/meet {meeting} {at}/met\nrule count\n  command = {at}/count {at}\n"
    );
    for (rule, number) in [("meet", meeting), ("count", 12)] {
        let outputs: Vec<String> = (1..=number).map(|i| format!("{rule}{i}.out")).collect();
        for output in &outputs {
            writeln!(text, "build {output}: {rule}").expect("text grows");
        }
        writeln!(text, "build {rule}: phony {}", outputs.join(" ")).expect("text grows");
    }
    fs::write(place.join("build.ninja"), text).expect("a build.ninja");
}

#[test]
fn a_ninja_that_knows_no_pool_has_its_share() {
    need_command("ninja", "ninja-build");
    let version = Command::new("ninja")
        .arg("--version")
        .output()
        .unwrap()
        .stdout;
    let version = String::from_utf8(version).unwrap();
    if version.contains("jobserver") || !version.starts_with("1.1") || version.starts_with("1.13") {
        return cannot_run_here(
            "a_ninja_that_knows_no_pool_has_its_share",
            "the ninja here knows the pool",
        );
    }
    let place = place();
    ninja_file(place.path(), 3);
    in_peace(foreach(
        place.path(),
        &["-j3", "--variants", "v", "ninja", "meet"],
    ));
    in_peace(foreach(
        place.path(),
        &[
            "-j2",
            "--report=report",
            "--variants",
            "v",
            "ninja",
            "count",
        ],
    ));
    let report = fs::read_to_string(place.path().join("report")).unwrap();
    let named: String = report.split_whitespace().collect();
    assert!(named.contains("\"without_pool\":[\"ninja\"]"), "{report}");
    assert!(most(place.path()) <= 2, "{}", most(place.path()));
}

#[test]
fn a_ninja_in_a_cleared_environment_stays_within_the_slots() {
    need_command("ninja", "ninja-build");
    let place = place();
    ninja_file(place.path(), 1);
    let words = [
        "-j1",
        "--variants",
        "v",
        "env",
        "-u",
        "MAKEFLAGS",
        "ninja",
        "count",
    ];
    in_peace(foreach(place.path(), &words));
    assert_eq!(most(place.path()), 1);
}

/// ninja as `PyPI` has it, which is a client of the pool; nothing if it cannot be had, which has been said.
pub(crate) fn ninja_of_pypi(test: &str, place: &Path) -> Option<PathBuf> {
    let target = place.join("pypi");
    let pip = [
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--target",
    ];
    let installed = Command::new("python3")
        .args(pip)
        .arg(&target)
        .arg("ninja==1.13.0")
        .output();
    let installed = installed.expect("python3 runs");
    if !installed.status.success() {
        let why = String::from_utf8_lossy(&installed.stderr).into_owned();
        cannot_run_here(
            test,
            why.lines().last().unwrap_or("pip cannot install ninja"),
        );
        return None;
    }
    // The program itself; the script beside it looks for the module.
    let program = target.join("bin");
    fs::copy(target.join("ninja/data/bin/ninja"), program.join("ninja")).ok();
    Some(program)
}

#[test]
fn ninja_of_pypi_draws_from_the_pool() {
    let place = place();
    let test = "ninja_of_pypi_draws_from_the_pool";
    let Some(bin) = ninja_of_pypi(test, place.path()) else {
        return;
    };
    ninja_file(place.path(), 3);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let python_path = place.path().join("pypi");
    let with_ninja = |options: &[&str]| {
        foreach(place.path(), options)
            .env("PATH", &path)
            .env("PYTHONPATH", &python_path)
    };
    with_ninja(&["-j3", "--variants", "v", "ninja", "meet"])
        .run()
        .expect(0);
    with_ninja(&[
        "-j3",
        "--variants",
        "v w",
        "sh",
        "-c",
        "mkdir $MULTIBUILD_ID && cp build.ninja $MULTIBUILD_ID && ninja -C $MULTIBUILD_ID count",
    ])
    .run()
    .expect(0);
    assert!(most(place.path()) <= 3, "{}", most(place.path()));
}

/// A workspace of four packages that count when they are built.
pub(crate) fn cargo_workspace(at: &Path) {
    let mut members = Vec::new();
    for number in 1..=4 {
        let name = format!("c{number}");
        let build = format!(
            "fn main() {{ assert!(std::process::Command::new({:?}).arg({:?}).status().unwrap().success()) }}",
            at.join("count").display().to_string(),
            at.display().to_string()
        );
        let manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
        fs::create_dir_all(at.join(&name).join("src")).unwrap();
        fs::write(at.join(&name).join("src/lib.rs"), "").unwrap();
        fs::write(at.join(&name).join("build.rs"), build).unwrap();
        fs::write(at.join(&name).join("Cargo.toml"), manifest).unwrap();
        members.push(format!("{name:?}"));
    }
    lay(
        at,
        &format!(
            "Cargo.toml 644 {:?}\n",
            format!(
                "[workspace]\nresolver = \"2\"\nmembers = [{}]\n",
                members.join(", ")
            )
        ),
    );
}

#[test]
fn cargo_draws_from_the_pool() {
    need_command("cargo", "cargo");
    let place = place();
    let at = place.path();
    cargo_workspace(at);
    // More jobs than slots: the pool is what holds cargo back.
    let script =
        "CARGO_TARGET_DIR=$PWD/$MULTIBUILD_ID cargo build -q --offline --config build.jobs=8";
    in_peace(
        foreach(at, &["-j2", "--variants", "v w", "sh", "-c", script]).env_remove("RUSTFLAGS"),
    );
    assert!(most(at) <= 2, "{}", most(at));
}
