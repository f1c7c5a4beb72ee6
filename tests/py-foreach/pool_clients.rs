//! The pool's bound under every client that builds of Python packages use.

use std::fs;
use std::process::Command;

use test_support::pythons::Python;
use test_support::{need_command, pythons, scratch};

use crate::pool::{UNIT, Work};
use crate::running::Running;

/// Three implementations and five slots: exactly five units work.
#[track_caller]
fn five_of_five(work: &Work, command: &[&str]) {
    let run = work
        .tool()
        .args(["-j5", "--variants", "a b c"])
        .args(command);
    let run = Running::start(run);
    work.works(5);
    work.one_by_one(4);
    work.finish();
    let outcome = run.end().expect(0);
    assert!(
        !outcome.stdout.contains("jobserver unavailable"),
        "{}",
        outcome.stdout
    );
    assert!(!outcome.stderr.contains("lost"), "{}", outcome.stderr);
}

#[test]
fn make() {
    five_of_five(&Work::new(), &["make"]);
}

#[test]
fn make_below_make() {
    let work = Work::new();
    fs::write(
        work.path().join("Outer"),
        "all:\n\t@$(MAKE) --no-print-directory\n",
    )
    .unwrap();
    five_of_five(&work, &["make", "-f", "Outer"]);
}

#[test]
fn make_below_a_python_that_closes_descriptors() {
    let work = Work::new();
    let text = "import subprocess; subprocess.check_call(['make'], close_fds=True)";
    five_of_five(&work, &["/usr/bin/python3", "-c", text]);
}

#[test]
fn users_flags_and_overrides_survive() {
    let work = Work::new();
    fs::write(
        work.path().join("Flags"),
        "all:\n\t@echo '$(A) $(findstring k,$(MAKEFLAGS))'\n",
    )
    .unwrap();
    let outcome = work
        .tool()
        .env("MAKEFLAGS", "k -- A=override")
        .args(["-j2", "--variants", "a", "make", "-f", "Flags", "A=ours"])
        .run()
        .expect(0);
    assert_eq!(outcome.stdout, "ours k\n");
    let outcome = work
        .tool()
        .env("MAKEFLAGS", "k -- A=override")
        .args(["-j2", "--variants", "a", "make", "-f", "Flags"])
        .run()
        .expect(0);
    assert_eq!(outcome.stdout, "override k\n");
}

#[test]
fn ninja_from_pypi() {
    let work = Work::new();
    let venv = work.path().join("venv");
    let made = Command::new("/usr/bin/python3")
        .args(["-m", "venv"])
        .arg(&venv)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let pip = Command::new(venv.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "ninja"])
        .output()
        .unwrap();
    if !pip.status.success() {
        let why = String::from_utf8_lossy(&pip.stderr);
        let why = why.lines().last().unwrap_or_default();
        test_support::cannot_run_here(
            "ninja_from_pypi",
            &format!("pip cannot install ninja: {why}"),
        );
        return;
    }
    let builds: String = (0..12).map(|n| format!("build t{n}: unit\n")).collect();
    let rules = format!(
        "rule unit\n  command = {}\n{builds}",
        work.path().join("unit").display()
    );
    fs::write(work.path().join("build.ninja"), rules).unwrap();
    // Each job in a directory of its own: ninja keeps a log there.
    let text = r#"mkdir $MULTIBUILD_ID && cd $MULTIBUILD_ID && exec "$0" -f ../build.ninja"#;
    let ninja = venv.join("bin/ninja");
    // By its own path it is not found through the script on PATH.
    five_of_five(&work, &["sh", "-c", text, ninja.to_str().unwrap()]);
}

#[test]
fn cargo() {
    need_command("cargo", "cargo");
    let work = Work::new();
    let members: Vec<_> = (0..8).map(|n| format!("c{n}")).collect();
    let list: Vec<_> = members.iter().map(|name| format!("\"{name}\"")).collect();
    let workspace = format!(
        "[workspace]\nresolver = \"2\"\nmembers = [{}]\n",
        list.join(",")
    );
    fs::write(work.path().join("Cargo.toml"), workspace).unwrap();
    for name in &members {
        let dir = work.path().join(name);
        fs::create_dir_all(dir.join("src")).unwrap();
        let package = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2021\"\nbuild = \"build.rs\"\n"
        );
        fs::write(dir.join("Cargo.toml"), package).unwrap();
        fs::write(dir.join("src/lib.rs"), "").unwrap();
        let build = format!(
            "fn main() {{ std::process::Command::new(\"sh\").args([\"-c\", {UNIT:?}]).status().unwrap(); }}\n"
        );
        fs::write(dir.join("build.rs"), build).unwrap();
    }
    let text = r#"exec cargo build --quiet --offline --target-dir "target-$MULTIBUILD_ID""#;
    let run = work
        .tool()
        .args(["-j4", "--variants", "a b", "sh", "-c", text]);
    let run = Running::start(run);
    // While it waits for build scripts cargo may have nothing else to do; it never has more than four.
    work.works(4);
    work.finish();
    run.end().expect(0);
}

#[test]
fn make_below_setuptools_below_pip() {
    let test = "make_below_setuptools_below_pip";
    let system = Python {
        epython: String::new(),
        path: "/usr/bin/python3".into(),
    };
    let mut pythons = pythons::all().into_iter().rev().chain([system]);
    let Some(python) = pythons.find(has_setuptools) else {
        test_support::cannot_run_here(test, "no Python has pip, setuptools and wheel");
        return;
    };
    let work = Work::new();
    let source = scratch();
    let setup = r"
import subprocess
from setuptools import setup
from setuptools.command.build_py import build_py
class Build(build_py):
    def run(self):
        subprocess.check_call(['make', '-C', GATES])
        build_py.run(self)
setup(name='x', version='1', py_modules=['x'], cmdclass={'build_py': Build})
";
    let gates = format!("{:?}", work.path().to_str().unwrap());
    fs::write(
        source.path().join("setup.py"),
        setup.replace("GATES", &gates),
    )
    .unwrap();
    fs::write(source.path().join("x.py"), "").unwrap();
    let run = work
        .tool()
        .args(["-j4", "-i"])
        .arg(&python.path)
        .arg("--copy-sources")
        .arg(source.path())
        .arg("--images")
        .arg(work.path().join("images"))
        .args([
            "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-index",
            "--no-build-isolation",
        ])
        .args([
            "--no-deps",
            "--ignore-installed",
            "--no-compile",
            "--prefix=/usr",
        ])
        .args(["--root={destdir}", "--disable-pip-version-check", "."]);
    let run = Running::start(run);
    work.works(4);
    work.finish();
    run.end().expect(0);
}

fn has_setuptools(python: &Python) -> bool {
    let asked = Command::new(&python.path)
        .args(["-c", "import pip, setuptools, wheel"])
        .output();
    asked.is_ok_and(|done| done.status.success())
}

#[test]
fn gcc_with_link_time_optimisation_is_content() {
    let work = Work::new();
    fs::write(work.path().join("a.c"), "int main(void) { return 0; }\n").unwrap();
    let text = r#"exec gcc -flto=jobserver -O1 a.c -o "a-$MULTIBUILD_ID""#;
    let outcome = work
        .tool()
        .args(["-j3", "--variants", "a b", "sh", "-c", text])
        .run()
        .expect(0);
    assert_eq!(outcome.stdout, "", "gcc has nothing to complain about");
    assert!(!outcome.stderr.contains("lost"), "{}", outcome.stderr);
}
