//! Every way to start a wrapped script, with the real interpreters.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use test_support::pythons::Python;
use test_support::{Outcome, Tool};

use crate::installed::{Installed, STATUS, interpreters};

const KINDS: [&str; 3] = ["script", "link", "copy"];

/// How the wrapper is named.
#[derive(Debug, Clone, Copy)]
enum Call {
    Absolute,
    Relative,
    Path,
}

fn start(call: Call, wrapper: &Path) -> Tool {
    let directory = wrapper.parent().unwrap();
    let name = wrapper.file_name().unwrap();
    let tool = match call {
        Call::Absolute => Tool::new(wrapper),
        // The kernel is to get a relative path, whichever process makes the call.
        Call::Relative => Tool::new("/usr/bin/env")
            .arg(
                Path::new("..")
                    .join(directory.file_name().unwrap())
                    .join(name),
            )
            .in_directory(directory),
        Call::Path => {
            let path = format!("{}:/usr/bin:/bin", directory.display());
            Tool::new("/usr/bin/env").arg(name).env("PATH", path)
        }
    };
    tool.env_remove("EPYTHON")
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CONFIG_HOME")
}

/// Asserts that the script of `python` ran and saw itself and its arguments right.
fn assert_ran(outcome: Outcome, installed: &Installed, python: &Python, name: &str, what: &str) {
    let outcome = outcome.expect(STATUS);
    let script = installed.root().join(&python.epython).join(name);
    let script = script.display();
    let interpreter = if name == "foo" {
        python.path.clone()
    } else {
        PathBuf::from("/bin/sh")
    };
    let interpreter = interpreter.display();
    assert_eq!(
        outcome.stdout,
        format!("{script}|{script}|{interpreter}|a b|*\n"),
        "{what}\n{}",
        outcome.stderr
    );
}

/// Runs all cases, two at a time, and fails with every one that failed.
fn in_parallel<C: Send>(cases: Vec<C>, run: impl Fn(C) + Sync) {
    let cases = Mutex::new(cases);
    let work = || {
        while let Some(case) = take(&cases) {
            run(case);
        }
    };
    thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

fn take<C>(cases: &Mutex<Vec<C>>) -> Option<C> {
    cases.lock().unwrap().pop()
}

#[test]
fn each_python_runs_its_own_script_however_it_is_started() {
    let pythons = interpreters();
    for kind in KINDS {
        let installed = Installed::new(kind, &pythons);
        let mut cases = Vec::new();
        for depth in [0, 1, 3] {
            let wrapper = installed.linked("foo", depth);
            for call in [Call::Absolute, Call::Relative, Call::Path] {
                cases.extend(pythons.iter().map(|python| (wrapper.clone(), call, python)));
            }
        }
        in_parallel(cases, |(wrapper, call, python)| {
            let run = start(call, &wrapper)
                .env("EPYTHON", &python.epython)
                .args(["a b", "*"])
                .run();
            let what = format!("{kind} {call:?} {}", wrapper.display());
            assert_eq!(run.stderr, "", "{what} {}", python.epython);
            assert_ran(run, &installed, python, "foo", &what);
        });
    }
}

#[test]
fn every_kind_and_path_chooses_the_same_python() {
    let all = interpreters();
    let pick = |name: &str| all.iter().find(|python| python.epython == name).cloned();
    let named = ["python2.7", "python3.9", "python3.11", "pypy3"].map(pick);
    let mut pythons: Vec<Python> = named.into_iter().flatten().collect();
    // Where those are not, any others show the same.
    pythons.extend(all.iter().filter(|p| p.epython != "pypy3").take(4).cloned());
    pythons.sort_by(|a, b| a.epython.cmp(&b.epython));
    pythons.dedup_by(|a, b| a.epython == b.epython);
    let by_name = |name: &str| pythons.iter().find(|p| p.epython == name).unwrap();
    let ordered = "pypy3";
    let newest = pythons
        .iter()
        .filter(|p| p.epython != "pypy3")
        .max_by_key(|p| version(p))
        .unwrap();
    let oldest = pythons
        .iter()
        .filter(|p| p.epython != "pypy3")
        .min_by_key(|p| version(p))
        .unwrap();
    let disabled = format!("# a comment\n-{}\n", newest.epython);
    for kind in KINDS {
        for (global, own, chosen) in [
            (None, None, newest.epython.as_str()),
            (Some(format!("{}\n", oldest.epython)), None, &oldest.epython),
            (None, Some("pypy3\n".to_owned()), "pypy3"),
            (
                Some(format!("{}\n", newest.epython)),
                Some(format!("{disabled}pypy3")),
                "pypy3",
            ),
        ] {
            let installed = Installed::new(kind, &pythons);
            if let Some(text) = &global {
                installed.configure("python-exec.conf", text);
            }
            if let Some(text) = &own {
                installed.configure("foo.conf", text);
                installed.configure("bar.conf", text);
            }
            let mut cases = Vec::new();
            for depth in [0, 1, 3] {
                for name in ["foo", "bar"] {
                    let wrapper = installed.linked(name, depth);
                    for call in [Call::Absolute, Call::Relative, Call::Path] {
                        for epython in [None, Some(ordered), Some("python9.9")] {
                            cases.push((name, wrapper.clone(), call, epython));
                        }
                    }
                }
            }
            in_parallel(cases, |(name, wrapper, call, epython)| {
                let mut tool = start(call, &wrapper).args(["a b", "*"]);
                let what = format!(
                    "{kind} {global:?} {own:?} {epython:?} {call:?} {}",
                    wrapper.display()
                );
                let mut python = by_name(chosen);
                let mut said = "";
                if let Some(value) = epython {
                    tool = tool.env("EPYTHON", value);
                    if value == ordered {
                        python = by_name(ordered);
                    } else {
                        said = "python-exec: EPYTHON value invalid (python9.9).\n";
                    }
                }
                let run = tool.run();
                assert_eq!(run.stderr, said, "{what}");
                assert_ran(run, &installed, python, name, &what);
            });
        }
    }
}

fn version(python: &Python) -> Vec<u32> {
    let digits = python.epython.trim_start_matches("python");
    digits
        .split('.')
        .map(|part| part.parse().unwrap())
        .collect()
}

#[test]
fn python_runs_its_own_script_from_a_wrapper() {
    let pythons = interpreters();
    for kind in KINDS {
        let installed = Installed::new(kind, &pythons);
        // Whatever EPYTHON and the configuration say, the Python that runs decides.
        installed.configure("python-exec.conf", "python2.7\n");
        let mut cases = Vec::new();
        for wrapper in [installed.linked("foo", 0), installed.linked("foo", 3)] {
            for python in &pythons {
                cases.push((wrapper.clone(), python));
            }
        }
        in_parallel(cases, |(wrapper, python)| {
            let tool = || Tool::new(&python.path).env("EPYTHON", "python2.7");
            let path = wrapper.to_str().unwrap();
            let run = tool().args(["-W", "error", path, "a b", "*"]).run();
            assert_eq!(run.stderr, "", "{kind}");
            assert_ran(run, &installed, python, "foo", &format!("{kind} as a file"));
            let code = "import runpy, sys; sys.argv[1:] = sys.argv[2:]; \
                        runpy.run_path(sys.argv[0], run_name='__main__')";
            let code = code.replace("sys.argv[0]", &format!("{path:?}"));
            let run = tool().args(["-c", &code, "x", "a b", "*"]).run();
            assert_ran(run, &installed, python, "foo", &format!("{kind} by runpy"));
            let run = tool()
                .args(["-m", "pdb", path, "a b", "*"])
                .stdin("continue\nquit\n")
                .run();
            let script = installed.root().join(&python.epython).join("foo");
            let line = format!(
                "{0}|{0}|{1}|a b|*\n",
                script.display(),
                python.path.display()
            );
            assert!(
                run.stdout.contains(&line),
                "{kind} in pdb: {}{}",
                run.stdout,
                run.stderr
            );
        });
    }
}

#[test]
fn every_shell_reads_the_wrapper() {
    let pythons = interpreters();
    let installed = Installed::new("script", &pythons);
    installed.configure("foo.conf", "-python3.11\npypy3\n");
    let pypy = pythons.last().unwrap();
    for shell in [
        &["dash"][..],
        &["bash"],
        &["bash", "--posix"],
        &["busybox", "sh"],
        &["sh", "-e"],
        &["sh", "-u"],
    ] {
        test_support::need_command(shell[0], shell[0]);
        for depth in [0, 1, 3] {
            let directory = installed.prefix.join(format!("links{depth}"));
            drop(fs::remove_dir_all(&directory));
            let wrapper = installed.linked("foo", depth);
            let run = Tool::new(shell[0])
                .args(&shell[1..])
                .arg(&wrapper)
                .args(["a b", "*"])
                .env_remove("EPYTHON")
                .env_remove("HOME")
                .run();
            assert_eq!(run.stderr, "", "{shell:?} {depth}");
            assert_ran(run, &installed, pypy, "foo", &format!("{shell:?} {depth}"));
        }
    }
}

#[test]
fn shellcheck_accepts_the_part_for_sh() {
    test_support::need_command("shellcheck", "shellcheck");
    let installed = Installed::new("script", &interpreters()[..1]);
    let text = fs::read_to_string(installed.bin().join("foo")).unwrap();
    let (half, _) = text.split_once("\n\"\"\"\n").unwrap();
    // -ef is of POSIX.1-2024, and dash, bash and busybox have had it for long.
    Tool::new("shellcheck")
        .args(["-s", "sh", "-e", "SC3013", "-"])
        .stdin(half)
        .run()
        .expect(0);
}

#[test]
fn a_moved_tree_and_a_copied_wrapper_still_work() {
    let pythons = interpreters();
    let mut installed = Installed::new("script", &pythons);
    let moved = installed.prefix.with_file_name("moved away");
    fs::rename(&installed.prefix, &moved).unwrap();
    let old = std::mem::replace(&mut installed.prefix, moved);
    for python in &pythons {
        let run = start(Call::Absolute, &installed.bin().join("foo"));
        let run = run.env("EPYTHON", &python.epython).args(["a b", "*"]).run();
        assert_ran(run, &installed, python, "foo", "moved");
        let run = Tool::new(&python.path)
            .arg(installed.bin().join("foo"))
            .args(["a b", "*"])
            .run();
        assert_ran(run, &installed, python, "foo", "moved, as a file");
    }
    // Back in its place, and the wrapper elsewhere: the root that was written into it counts.
    let elsewhere = installed.prefix.with_file_name("foo");
    fs::copy(installed.bin().join("foo"), &elsewhere).unwrap();
    fs::rename(&installed.prefix, &old).unwrap();
    installed.prefix = old;
    let python = pythons.last().unwrap();
    let run = start(Call::Absolute, &elsewhere)
        .env("EPYTHON", "pypy3")
        .args(["a b", "*"])
        .run();
    assert_ran(run, &installed, python, "foo", "copied");
}
