//! Directories with blanks and worse in their names.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use test_support::{Tool, need_command, pythons, scratch};

use crate::clients::{
    cargo_workspace, foreach, in_peace, makefile, most, ninja_file, ninja_of_pypi, place,
};
use crate::gate::Gate;
use crate::running::Running;
use crate::tool;

/// Names that a shell, make or a list of words would take apart.
const ODD: [&[u8]; 4] = [b"a b", b"a $HOME $$", b"it's \"a\"", b"line\nbreak \xff\\"];

/// A directory of such a name.
fn odd(parent: &Path, name: &[u8]) -> PathBuf {
    let path = parent.join(OsStr::from_bytes(name));
    fs::create_dir(&path).unwrap();
    path
}

/// Asserts that `run`, given a TMPDIR, leaves nothing in it, for each of the names.
fn in_each(mut run: impl FnMut(&Path)) {
    let dir = scratch();
    for name in ODD {
        let tmp = odd(dir.path(), name);
        run(&tmp);
        assert_eq!(fs::read_dir(&tmp).unwrap().count(), 0, "{}", tmp.display());
    }
}

#[test]
fn make_draws_from_the_pool_wherever_temporary_things_lie() {
    let place = place();
    makefile(place.path(), 3);
    in_each(|tmp| {
        let foreach = |words: &[&str]| foreach(place.path(), words).env("TMPDIR", tmp);
        in_peace(foreach(&["-j3", "--variants", "v", "make", "-s", "meet"]));
        for met in fs::read_dir(place.path().join("met")).unwrap() {
            fs::remove_file(met.unwrap().path()).unwrap();
        }
        in_peace(foreach(&[
            "-j3",
            "--variants",
            "v w",
            "make",
            "-s",
            "below",
        ]));
        assert!(most(place.path()) <= 3, "{}", most(place.path()));
    });
}

#[test]
fn ninja_draws_from_the_pool_wherever_temporary_things_lie() {
    let place = place();
    let test = "ninja_draws_from_the_pool_wherever_temporary_things_lie";
    let Some(bin) = ninja_of_pypi(test, place.path()) else {
        return;
    };
    ninja_file(place.path(), 3);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let script = "rm -rf $MULTIBUILD_ID && mkdir $MULTIBUILD_ID && \
        cp build.ninja $MULTIBUILD_ID && exec ninja -C $MULTIBUILD_ID count";
    in_each(|tmp| {
        let run = foreach(place.path(), &["-j2", "--variants", "v w"])
            .args(["sh", "-c", script])
            .env("PATH", &path)
            .env("PYTHONPATH", place.path().join("pypi"))
            .env("TMPDIR", tmp)
            .run()
            .expect(0);
        assert_eq!(run.stderr, "");
        assert!(most(place.path()) <= 2, "{}", most(place.path()));
    });
}

#[test]
fn cargo_draws_from_the_pool_wherever_temporary_things_lie() {
    need_command("cargo", "cargo");
    let place = place();
    cargo_workspace(place.path());
    let script = "rm -rf target && cargo build -q --offline --config build.jobs=8";
    in_each(|tmp| {
        let run = foreach(place.path(), &["-j2", "--variants", "v"])
            .args(["sh", "-c", script])
            .env_remove("RUSTFLAGS")
            .env("TMPDIR", tmp);
        in_peace(run);
        assert!(most(place.path()) <= 2, "{}", most(place.path()));
    });
}

/// What is in `directory` and begins as our directories do.
fn ours(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    names
        .filter(|name| name.starts_with("py-foreach-"))
        .collect()
}

/// A run whose pool lies in `runtime`, because TMPDIR has a blank in its name.
fn with_pool_elsewhere(dir: &Path, runtime: &Path) -> Tool {
    tool()
        .args(["--variants", "v"])
        .env("GATES", dir)
        .env("TMPDIR", odd(dir, b"a b"))
        .env("XDG_RUNTIME_DIR", runtime)
}

#[test]
fn the_pools_other_place_is_private_and_goes_away() {
    for signal in [None, Some(Signal::TERM)] {
        let dir = scratch();
        let runtime = dir.path().join("runtime");
        fs::create_dir(&runtime).unwrap();
        let (here, go) = (Gate::new(dir.path(), "here"), Gate::new(dir.path(), "go"));
        let run = with_pool_elsewhere(dir.path(), &runtime).args([
            "sh",
            "-c",
            r#"echo > "$GATES/here"; read x < "$GATES/go""#,
        ]);
        let run = Running::start(run);
        here.line();
        let there = ours(&runtime);
        assert_eq!(there.len(), 1, "{there:?}");
        let data = fs::metadata(runtime.join(&there[0])).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&data) & 0o7777, 0o700);
        match signal {
            None => {
                go.open(1);
                run.end().expect(0);
            }
            Some(signal) => {
                run.signal(signal);
                assert_eq!(run.end().signal, Some(signal.as_raw()));
            }
        }
        assert_eq!(ours(&runtime), Vec::<String>::new());
    }
}

#[test]
fn directories_by_any_name_are_what_a_job_is_told() {
    let test = "directories_by_any_name_are_what_a_job_is_told";
    let Some(all) = pythons::newest(test, 1) else {
        return;
    };
    let python = &all[0];
    let target = python.epython.replace('.', "_");
    for name in ODD {
        let dir = scratch();
        let top = odd(dir.path(), name);
        let (logs, images) = (top.join("logs"), top.join("images"));
        let has_newline = name.contains(&b'\n');
        // A record cannot name a path with a newline.
        let said = if has_newline { "said" } else { "$IMAGE/said" };
        let script = format!(
            r#"printf '%s|' "$BUILD_DIR" "$TMPDIR" > "{said}"; python -c 'print(1)'; echo printed"#
        );
        let mut run = tool()
            .args(["-q", "-i"])
            .arg(&python.path)
            .arg("-b")
            .arg(top.join("build"))
            .arg("--log-dir")
            .arg(&logs);
        if !has_newline {
            run = run.arg("--images").arg(&images);
        }
        let outcome = run
            .args(["sh", "-c", &script])
            .env("TMPDIR", &top)
            .in_directory(&top)
            .run()
            .expect(0);
        assert_eq!(
            outcome.stderr,
            if has_newline { "" } else { "1\nprinted\n" }
        );
        let log = fs::read_to_string(logs.join(format!("build-{target}.log"))).unwrap();
        assert_eq!(log, "1\nprinted\n");
        let image = images.join(&python.epython);
        let said = if has_newline {
            top.join("said")
        } else {
            image.join("said")
        };
        let said = fs::read(said).unwrap();
        let mut told = said.split(|&byte| byte == b'|').map(OsStr::from_bytes);
        let build = top.join(format!("build-{target}"));
        assert_eq!(told.next().unwrap(), build.as_os_str());
        assert!(Path::new(told.next().unwrap()).starts_with(&top));
        if !has_newline {
            let record = format!("{}\t{}\nend\t0\n", python.epython, image.display());
            assert_eq!(outcome.stdout, record);
        }
    }
}

#[test]
fn an_image_that_a_record_cannot_name_is_refused() {
    let Some(all) = pythons::newest("an_image_that_a_record_cannot_name_is_refused", 1) else {
        return;
    };
    let dir = scratch();
    let outcome = tool()
        .arg("-i")
        .arg(&all[0].path)
        .arg("--images")
        .arg(dir.path().join("line\nbreak"))
        .args(["touch", "ran"])
        .in_directory(dir.path())
        .run()
        .expect(125);
    assert_eq!(outcome.stdout, "");
    outcome.complains("newline");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
