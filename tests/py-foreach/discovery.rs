//! Which Pythons are found, and what is said of those that are not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use test_support::{Tool, pythons, scratch};

use crate::gate::{lives, until};
use crate::running::Running;
use crate::tool;

/// A program that may or may not be a Python.
fn program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("its directory");
    fs::write(path, text).expect("the program");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode");
}

/// A machine that has nothing on PATH but `bin`, and a pyenv in `home`.
fn machine(root: &Path) -> Tool {
    let path = format!("{}:/usr/bin/none", root.join("bin").display());
    tool()
        .env("PATH", path)
        .env("HOME", root.join("home"))
        .env_remove("PYENV_ROOT")
        .env_remove("PYENV_VERSION")
        .env_remove("PYTHON_TARGETS")
        .in_directory(root)
}

fn newest(test: &str) -> Option<pythons::Python> {
    pythons::newest(test, 1).map(|mut all| all.remove(0))
}

#[test]
fn every_real_python_is_found_in_order() {
    let listed = tool()
        .arg("--list")
        .env_remove("PYTHON_TARGETS")
        .run()
        .expect(0)
        .stdout;
    let names: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    for python in pythons::all() {
        assert!(
            names.contains(&python.epython.as_str()),
            "{} in {listed}",
            python.epython
        );
    }
    let minors: Vec<u32> = names
        .iter()
        .filter_map(|name| name.strip_prefix("python3.")?.parse().ok())
        .collect();
    assert!(minors.is_sorted(), "3.9 comes before 3.10: {listed}");
    let pypy = names.iter().rposition(|name| name.starts_with("pypy"));
    let cpython = names.iter().position(|name| name.starts_with("python"));
    assert!(
        pypy < cpython || pypy.is_none(),
        "PyPy is preferred least: {listed}"
    );
}

#[test]
fn the_first_on_path_wins_and_pyenv_comes_after_it() {
    let Some(python) = newest("the_first_on_path_wins_and_pyenv_comes_after_it") else {
        return;
    };
    let root = scratch();
    let listed = |expected: PathBuf| {
        let line = machine(root.path()).args(["--list"]).run().expect(0).stdout;
        let path = line.trim_end().rsplit('\t').next().unwrap().to_owned();
        assert_eq!(Path::new(&path), expected, "{line}");
    };
    let versions = root.path().join("home/.pyenv/versions");
    for version in ["1.2.9", "1.2.10"] {
        let place = versions.join(version).join("bin").join(&python.epython);
        program(
            &place,
            &format!("#!/bin/sh\nexec {} \"$@\"\n", python.path.display()),
        );
    }
    listed(versions.join("1.2.10/bin").join(&python.epython));
    let on_path = root.path().join("bin").join(&python.epython);
    fs::create_dir(root.path().join("bin")).unwrap();
    symlink(&python.path, &on_path).unwrap();
    listed(on_path);
}

#[test]
fn what_does_not_answer_is_skipped_and_the_reason_said() {
    let Some(python) = newest("what_does_not_answer_is_skipped_and_the_reason_said") else {
        return;
    };
    let root = scratch();
    let bin = root.path().join("bin");
    program(
        &bin.join("python3.4"),
        "#!/bin/sh\necho 'no version selected' >&2\nexit 127\n",
    );
    program(&bin.join("python3.5"), "#!/bin/sh\nkill -9 $$\n");
    program(
        &bin.join("python2.6"),
        &format!("#!/bin/sh\nexec {} \"$@\"\n", python.path.display()),
    );
    // No shim is run.
    program(
        &root.path().join("home/.pyenv/shims").join("python3.3"),
        "#!/bin/sh\nsleep 60\n",
    );
    symlink(&python.path, bin.join(&python.epython)).unwrap();
    let path = format!(
        "{}:{}",
        root.path().join("home/.pyenv/shims").display(),
        bin.display()
    );
    let outcome = machine(root.path())
        .env("PATH", path)
        .args(["--list", "-v"])
        .run()
        .expect(0);
    assert_eq!(outcome.stdout.lines().count(), 1, "{}", outcome.stdout);
    for said in [
        "python3.4: no version selected".to_owned(),
        "python3.5: gave no answer (signal: 9 (SIGKILL))".to_owned(),
        format!("python2.6: says that it is {}", python.epython),
    ] {
        assert!(
            outcome.stderr.contains(&said),
            "{said:?} in {}",
            outcome.stderr
        );
    }
    let quiet = machine(root.path()).args(["--list"]).run().expect(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_python_that_hangs_is_ended_with_all_that_it_started() {
    let Some(python) = newest("a_python_that_hangs_is_ended_with_all_that_it_started") else {
        return;
    };
    let root = scratch();
    let bin = root.path().join("bin");
    let pid = root.path().join("pid");
    let text = format!(
        "#!/bin/sh\nsleep 1000 &\necho $! > {}\nwait\n",
        pid.display()
    );
    program(&bin.join("python3.4"), &text);
    symlink(&python.path, bin.join(&python.epython)).unwrap();
    let started = Instant::now();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let run = machine(root.path())
        .env("PATH", path)
        .args(["-i", "python3.4", "true"]);
    let outcome = Running::start(run).end();
    assert!(started.elapsed() < Duration::from_secs(10));
    let outcome = outcome.expect(125);
    assert!(
        outcome
            .stderr
            .contains("python3.4: did not answer within 5 seconds"),
        "{}",
        outcome.stderr
    );
    let pid = fs::read_to_string(pid).unwrap().trim().parse().unwrap();
    // It was killed, and ends in a moment.
    until("the sleep is gone", || !lives(pid));
}

#[test]
fn a_python_that_is_late_is_named_under_quiet_too() {
    let Some(python) = newest("a_python_that_is_late_is_named_under_quiet_too") else {
        return;
    };
    let root = scratch();
    let bin = root.path().join("bin");
    program(
        &bin.join("python3.4"),
        "#!/bin/sh\nexec /usr/bin/sleep 1000\n",
    );
    // A complaint without end is cut, and the program with it.
    program(
        &bin.join("python3.5"),
        "#!/bin/sh\nexec /usr/bin/yes no >&2\n",
    );
    symlink(&python.path, bin.join(&python.epython)).unwrap();
    let late = "python3.4: did not answer within 5 seconds";
    let asked = machine(root.path()).args(["-i", "python3.4,python3.5", "true"]);
    let refused = Running::start(asked).end().expect(125).stderr;
    assert!(
        refused.contains(late) && refused.contains("python3.5: no; "),
        "{refused}"
    );
    let run = machine(root.path()).args(["-q", "--list"]);
    let outcome = Running::start(run).end().expect(0);
    assert_eq!(outcome.stdout.lines().count(), 1, "{}", outcome.stdout);
    assert_eq!(
        outcome.stderr,
        format!("py-foreach: skip {}/{late}\n", bin.display())
    );
}

#[test]
fn a_pyenv_that_is_named_from_here_is_found_from_anywhere() {
    let Some(python) = newest("a_pyenv_that_is_named_from_here") else {
        return;
    };
    let root = scratch();
    let version = python.epython.trim_start_matches("python");
    let versions = format!(".pyenv/versions/{version}.0/bin");
    let bin = root.path().join(&versions);
    fs::create_dir_all(&bin).unwrap();
    symlink(&python.path, bin.join(&python.epython)).unwrap();
    let listed = |tool: Tool| tool.arg("--list").run();
    let from_here = listed(machine(root.path()).env("PYENV_ROOT", ".pyenv")).expect(0);
    let whole = bin.join(&python.epython);
    let end = format!("\t{}\n", whole.display());
    assert!(from_here.stdout.ends_with(&end), "{}", from_here.stdout);
    // No HOME is not the working directory.
    listed(machine(root.path()).env("HOME", "")).expect(125);
}

#[test]
fn shims_stand_for_the_newest_version_and_none_is_run() {
    let Some(python) = newest("shims_stand_for_the_newest_version") else {
        return;
    };
    let root = scratch();
    let name = &python.epython;
    let pyenv = root.path().join("home/.pyenv");
    let version = format!("{}.0", name.trim_start_matches("python"));
    let real = pyenv.join("versions").join(&version).join("bin").join(name);
    fs::create_dir_all(real.parent().unwrap()).unwrap();
    symlink(&python.path, &real).unwrap();
    let shim = pyenv.join("shims").join(name);
    program(&shim, "#!/bin/sh\necho a shim was run >&2\nexit 1\n");
    let other = root.path().join("bin").join(name);
    program(&other, "#!/bin/sh\necho another was run >&2\nexit 1\n");
    let path = format!("{}/shims:{}/bin", pyenv.display(), root.path().display());
    let list = |name: &Path| {
        let run = machine(root.path())
            .env("PATH", &path)
            .args(["--list", "-v", "-i"]);
        run.arg(name).run()
    };
    let listed = list(Path::new(name)).expect(0);
    assert!(
        listed.stdout.ends_with(&format!("\t{}\n", real.display())),
        "{}",
        listed.stdout
    );
    assert_eq!(listed.stderr, "");
    list(&shim)
        .expect(125)
        .complains("is a shim of pyenv: name the interpreter itself");
}

#[test]
fn a_python_that_is_asked_for_and_not_there_is_named_with_what_is() {
    let root = scratch();
    let Some(python) = newest("a_python_that_is_asked_for") else {
        return;
    };
    fs::create_dir(root.path().join("bin")).unwrap();
    symlink(&python.path, root.path().join("bin").join(&python.epython)).unwrap();
    let there = format!("it is not here; found: {}", python.epython);
    let outcome = machine(root.path())
        .args(["-i", "python3_99 pypy2", "true"])
        .run()
        .expect(125);
    let expected =
        format!("py-foreach: find python3.99: {there}\npy-foreach: find pypy2: {there}\n");
    assert_eq!(outcome.stderr, expected);
    machine(root.path())
        .env("PYTHON_TARGETS", "python3_99")
        .arg("true")
        .run()
        .expect(125)
        .complains(&format!("py-foreach: find python3.99: {there}"));
    let nothing = scratch();
    machine(nothing.path())
        .arg("true")
        .run()
        .expect(125)
        .complains("find implementations: there is no Python on PATH or below PYENV_ROOT");
}

#[test]
fn an_interpreter_is_taken_by_its_path_and_a_repeat_refused() {
    let Some(python) = newest("an_interpreter_is_taken_by_its_path") else {
        return;
    };
    let root = scratch();
    symlink(&python.path, root.path().join("mine")).unwrap();
    let listed = tool()
        .args(["-i", "./mine", "--list"])
        .in_directory(root.path())
        .run()
        .expect(0);
    assert!(
        listed.stdout.starts_with(&format!("{}\t", python.epython)),
        "{}",
        listed.stdout
    );
    assert!(listed.stdout.ends_with("/./mine\n"), "{}", listed.stdout);
    tool()
        .args(["-i", "./mine", "-i"])
        .arg(&python.path)
        .arg("true")
        .in_directory(root.path())
        .run()
        .expect(125)
        .complains("comes twice");
    tool()
        .args(["-i", "/bin/true", "true"])
        .run()
        .expect(125)
        .complains("py-foreach: ask /bin/true: gave no answer (exit status: 0)");
}

#[test]
fn targets_choose_and_are_sorted() {
    let test = "targets_choose_and_are_sorted";
    let Some(two) = pythons::newest(test, 2) else {
        return;
    };
    let targets: Vec<String> = two
        .iter()
        .rev()
        .map(|p| p.epython.replace('.', "_"))
        .collect();
    let listed = tool()
        .env("PYTHON_TARGETS", targets.join(" "))
        .arg("--list")
        .run()
        .expect(0);
    let names: Vec<&str> = listed
        .stdout
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(names, [two[0].epython.as_str(), two[1].epython.as_str()]);
    let said = tool()
        .args(["-i", &targets.join(","), "--list"])
        .run()
        .expect(0);
    let names: Vec<&str> = said
        .stdout
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(
        names,
        [two[1].epython.as_str(), two[0].epython.as_str()],
        "said order is kept"
    );
}

#[test]
fn a_virtual_environment_is_a_place_of_its_own() {
    let test = "a_virtual_environment_is_a_place_of_its_own";
    let Some(python) = newest(test) else { return };
    let root = scratch();
    let venv = root.path().join("venv");
    let made = std::process::Command::new(&python.path)
        .args(["-m", "venv", "--without-pip"])
        .arg(&venv)
        .status()
        .unwrap();
    assert!(made.success());
    let interpreter = venv.join("bin/python");
    let said = tool()
        .arg("-i")
        .arg(&interpreter)
        .arg("--env")
        .run()
        .expect(0)
        .stdout;
    let site = format!(
        "PYTHON_SITEDIR={}/lib/{}/site-packages",
        venv.display(),
        python.epython
    );
    assert!(said.contains(&site), "{site} in {said}");
}

#[test]
fn a_word_of_the_variable_is_refused_by_the_variables_name() {
    tool()
        .env("PYTHON_TARGETS", "bogus")
        .arg("true")
        .run()
        .expect(125)
        .complains("py-foreach: select from PYTHON_TARGETS bogus: names no implementation");
}
