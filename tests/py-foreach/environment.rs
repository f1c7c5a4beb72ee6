//! What a job finds in its environment.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use test_support::{Tool, lay, pythons, scratch};

use crate::{PROGRAM, tool};

/// The variables that a job of `tool` prints by env(1), apart by NULs.
fn environment(tool: Tool) -> BTreeMap<String, String> {
    let said = tool.args(["--", "env", "-0"]).run().expect(0).stdout;
    said.split('\0')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A py-foreach for one variant.
fn one_variant() -> Tool {
    tool().args(["-q", "--variants", "v_1"])
}

#[test]
fn a_job_has_the_interpreters_own_answers() {
    let Some(all) = pythons::newest("a_job_has_the_interpreters_own_answers", 1) else {
        return;
    };
    let python = &all[0];
    let found = environment(tool().args(["-q", "-i"]).arg(&python.path));
    let target = python.epython.replace('.', "_");
    // Debian's own interpreter answers by the layout that the job is given.
    let layout = found.get("DEB_PYTHON_INSTALL_LAYOUT");
    let asked = std::process::Command::new(&python.path)
        .envs(layout.map(|layout| ("DEB_PYTHON_INSTALL_LAYOUT", layout)))
        .args([
            "-c",
            "import sysconfig as s; print(s.get_path('purelib')); print(s.get_path('platinclude'))",
        ])
        .output()
        .unwrap();
    let answers = String::from_utf8(asked.stdout).unwrap();
    let mut answers = answers.lines();
    for (name, value) in [
        ("EPYTHON", python.epython.as_str()),
        ("PYTHON", python.path.to_str().unwrap()),
        ("PYTHON_SITEDIR", answers.next().unwrap()),
        ("PYTHON_INCLUDEDIR", answers.next().unwrap()),
        (
            "PYTHON_SCRIPTDIR",
            &format!("/usr/lib/python-exec/{}", python.epython),
        ),
        ("MULTIBUILD_VARIANT", &target),
        ("MULTIBUILD_ID", &target),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
    assert!(!found.contains_key("BUILD_DIR") && !found.contains_key("DESTDIR"));
}

#[test]
fn python_by_any_name_is_the_jobs_own_also_for_a_shim_first_on_path() {
    let test = "python_by_any_name_is_the_jobs_own";
    let Some(all) = pythons::newest(test, 2) else {
        return;
    };
    let script = r#"for name in python "python${EPYTHON#python}" "$EPYTHON"; do
        command -v "$name" >/dev/null || continue
        "$name" -c 'import sys; print("%s python%d.%d" % ((sys.executable,) + sys.version_info[:2]))'
    done; python-config --includes"#;
    for python in &all {
        let said = tool()
            .args(["-q", "-i"])
            .arg(&python.path)
            .args(["sh", "-c", script])
            .run()
            .expect(0);
        let own = format!("{} {}", python.path.display(), python.epython);
        assert_eq!(
            said.stdout.matches(&own).count(),
            2 + usize::from(said.stdout.matches(&own).count() == 3),
            "{}",
            said.stdout
        );
        assert!(
            said.stdout.contains(&format!("include/{}", python.epython)),
            "{}",
            said.stdout
        );
    }
}

#[test]
fn pip_is_the_jobs_own_also_for_another_first_on_path() {
    let Some(all) = pythons::newest("pip_is_the_jobs_own", 2) else {
        return;
    };
    let dir = scratch();
    // A Python that says how it was called, and another's pip first on PATH.
    for (name, text) in [("pip", "echo another"), ("pip3", "echo another")] {
        let path = dir.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!(
        "{}:{}",
        dir.path().display(),
        std::env::var("PATH").unwrap()
    );
    // The module lies in the working directory, where -m looks first.
    fs::write(
        dir.path().join("pip.py"),
        "import sys; print(sys.executable, sys.argv[1:])\n",
    )
    .unwrap();
    for python in &all {
        let said = tool()
            .args(["-q", "-i"])
            .arg(&python.path)
            .args(["sh", "-c", "pip install 'a b'; pip3 install 'a b'"])
            .env("PATH", &path)
            .in_directory(dir.path())
            .run()
            .expect(0);
        let own = format!("{} ['install', 'a b']\n", python.path.display());
        assert_eq!(said.stdout, own.repeat(2));
    }
    // Without a Python it is none of our business.
    let said = tool()
        .args(["--variants", "a", "pip"])
        .env("PATH", &path)
        .run()
        .expect(0);
    assert_eq!(said.stdout, "another\n");
}

#[test]
fn names_in_braces_are_replaced_and_destdir_then_stays_out() {
    let Some(all) = pythons::newest("names_in_braces_are_replaced", 1) else {
        return;
    };
    let python = &all[0];
    let scratch = scratch();
    let images = scratch.path().join("images");
    let with_images = |words: &[&str]| {
        let said = tool()
            .args(["-q", "-i"])
            .arg(&python.path)
            .arg("--images")
            .arg(&images)
            .args([
                "-b",
                "/w/b",
                "--",
                "sh",
                "-c",
                "echo \"$@\" $IMAGE ${DESTDIR-none}",
                "sh",
            ])
            .args(words)
            .run()
            .expect(0);
        said.stderr
    };
    let image = images.join(&python.epython).display().to_string();
    let (epython, version) = (&python.epython, python.epython.trim_start_matches("python"));
    let target = python.epython.replace('.', "_");
    assert_eq!(
        with_images(&[
            "{interpreter}",
            "{version}",
            "{build_dir}",
            "{}",
            "--root={destdir}"
        ]),
        format!("{epython} {version} /w/b-{target} {{}} --root={image} {image} none\n")
    );
    assert_eq!(with_images(&["x"]), format!("x {image} {image}\n"));
}

#[test]
fn the_pool_replaces_job_words_and_other_words_survive() {
    let found = environment(
        one_variant()
            .env("MAKEFLAGS", "k -j7 -- V=1 X=a\\ -j3")
            .env("MAKEOPTS", "-j7 --keep-going")
            .env("NINJAOPTS", "-v -j 9")
            .env("CMAKE_BUILD_PARALLEL_LEVEL", "9")
            .env("MAX_JOBS", "900")
            .arg("-j3"),
    );
    let flags = &found["MAKEFLAGS"];
    assert!(flags.starts_with("k -j --jobserver-auth=fifo:/"), "{flags}");
    assert!(flags.ends_with(" -- V=1 X=a\\ -j3"), "{flags}");
    assert!(found["CARGO_MAKEFLAGS"].contains("--jobserver-auth=fifo:/"));
    assert_eq!(found["MAKEOPTS"], "--keep-going");
    assert_eq!(found["NINJAOPTS"], "-v");
    assert!(!found.contains_key("CMAKE_BUILD_PARALLEL_LEVEL"));
    let share: usize = found["MAX_JOBS"].parse().unwrap();
    assert!((1..=3).contains(&share), "{share}");
    assert_eq!(found["MAX_JOBS"], found["NPY_NUM_BUILD_JOBS"]);
}

#[test]
fn the_share_that_is_shown_is_the_one_that_a_job_has() {
    for (options, makeopts, share) in [
        (&["-j7"][..], "", "3"),
        (&["-j7", "--max-impls", "1"], "", "7"),
        (&[], "-j9", "4"),
        (&["-j1"], "-j9", "1"),
    ] {
        let run = || {
            let words = ["-q", "--variants", "a b"];
            let tool = tool().args(words).args(options);
            tool.env("MAKEOPTS", makeopts).env_remove("MAX_JOBS")
        };
        let shown = run().arg("--env").run().expect(0).stdout;
        let line = format!("    MAX_JOBS={share}\n");
        assert_eq!(shown.matches(&line).count(), 2, "{options:?} {shown}");
        let had = run().args(["sh", "-c", "echo $MAX_JOBS"]).run().expect(0);
        assert_eq!(had.stdout, format!("{share}\n{share}\n"), "{options:?}");
    }
}

#[test]
fn each_job_has_its_own_temporary_directory_and_none_is_left() {
    let scratch = scratch();
    let said = tool()
        .args(["-q", "--variants", "a b c", "-j2"])
        .env("TMPDIR", scratch.path())
        .env_remove("T")
        .args([
            "sh",
            "-c",
            "mkdir $TMPDIR/fixed-name && touch $TMPDIR/fixed-name/f && echo $TMPDIR",
        ])
        .run()
        .expect(0)
        .stdout;
    let places: std::collections::BTreeSet<&str> = said.lines().collect();
    assert_eq!(places.len(), 3, "{said}");
    assert!(
        places
            .iter()
            .all(|place| Path::new(place).starts_with(scratch.path())),
        "{said}"
    );
    assert_eq!(test_support::listing(scratch.path()), "");
}

#[test]
fn directories_that_a_job_closed_are_removed_all_the_same() {
    let scratch = scratch();
    // Without the right of root to write everywhere; other users have it not.
    let lowered = [
        "setpriv",
        "--bounding-set",
        "-dac_override,-dac_read_search",
    ];
    let is_root = rustix::process::geteuid().is_root();
    let words = if is_root {
        lowered.as_slice()
    } else {
        &["env"]
    };
    let script = "mkdir -p $TMPDIR/a/b && touch $TMPDIR/a/b/c && chmod 555 $TMPDIR/a/b $TMPDIR/a && ! touch $TMPDIR/a/x";
    let outcome = Tool::new(words[0])
        .args(&words[1..])
        .arg(PROGRAM)
        .args(["-q", "--variants", "v", "sh", "-c", script])
        .env("TMPDIR", scratch.path())
        .env_remove("T")
        .run()
        .expect(0);
    assert!(outcome.stderr.is_empty(), "{}", outcome.stderr);
    assert_eq!(test_support::listing(scratch.path()), "");
}

#[test]
fn a_daemon_keeps_its_temporary_directory_while_others_run() {
    let scratch = scratch();
    let place = scratch.path().join("place");
    // The first leaves something in TMPDIR; the second, which begins after it, still finds it.
    let script = "if test $MULTIBUILD_ID = v1; then echo $TMPDIR > $PLACE; else test -d \"$(cat $PLACE)\"; fi";
    tool()
        .args(["-q", "-j1", "--variants", "v1 v2", "sh", "-c", script])
        .env("PLACE", &place)
        .run()
        .expect(0);
    let gone = fs::read_to_string(&place).unwrap();
    assert!(!Path::new(gone.trim()).exists());
}

#[test]
fn a_variant_may_have_the_name_of_anything() {
    let said = tool()
        .args([
            "-q",
            "--variants",
            "pool jobs .. .",
            "sh",
            "-c",
            "test -d $TMPDIR && echo $MULTIBUILD_ID",
        ])
        .run()
        .expect(0);
    assert_eq!(said.stdout, "pool\njobs\n..\n.\n");
    one_variant()
        .env("MULTIBUILD_ID", "../up")
        .arg("true")
        .run()
        .expect(125)
        .complains("py-foreach: use variant ../up: a variant names files");
}

#[test]
fn no_image_is_left_by_a_run_that_cannot_begin() {
    let Some(all) = pythons::newest("no_image_is_left_by_a_run_that_cannot_begin", 1) else {
        return;
    };
    let scratch = scratch();
    tool()
        .arg("-i")
        .arg(&all[0].path)
        .args(["--images", "images", "--log-dir", "/proc/nowhere", "true"])
        .in_directory(scratch.path())
        .run()
        .expect(125)
        .complains("/proc/nowhere: no such file or directory");
    assert_eq!(test_support::listing(scratch.path()), "");
}

#[test]
fn build_directories_follow_gentoos_rules() {
    let found = environment(
        one_variant()
            .env("BUILD_DIR", "/w/src/")
            .env("WORKDIR", "/w"),
    );
    assert_eq!(found["BUILD_DIR"], "/w/src-v_1");
    let found = environment(one_variant().env("BUILD_DIR", "/w").env("WORKDIR", "/w/"));
    assert_eq!(found["BUILD_DIR"], "/w/build-v_1");
    one_variant()
        .env("BUILD_DIR", "/elsewhere")
        .env("WORKDIR", "/w")
        .arg("true")
        .run()
        .expect(125)
        .complains("py-foreach: use build directory /elsewhere: is not below WORKDIR /w");
}

#[test]
fn ids_are_nested() {
    let said = tool()
        .args(["-q", "--variants", "abi_x86_32.x86 abi_x86_64.amd64"])
        .env_remove("MULTIBUILD_ID")
        .args([
            PROGRAM,
            "-q",
            "--variants",
            "python3_12",
            "sh",
            "-c",
            "echo $MULTIBUILD_ID $MULTIBUILD_VARIANT",
        ])
        .run()
        .expect(0);
    assert_eq!(
        said.stdout,
        "abi_x86_32.x86-python3_12 python3_12\nabi_x86_64.amd64-python3_12 python3_12\n"
    );
}

#[test]
fn an_own_home_keeps_what_belongs_to_the_user() {
    let home = scratch();
    lay(home.path(), ".config/pip/pip.conf 644 \"[global]\\n\"\n");
    let found = environment(
        one_variant()
            .arg("--isolate-home")
            .env("HOME", home.path())
            .env("CARGO_HOME", "/mine")
            .env_remove("PIP_CONFIG_FILE")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("PYENV_ROOT"),
    );
    let old = home.path().display();
    assert_ne!(Path::new(&found["HOME"]), home.path());
    assert_eq!(found["CARGO_HOME"], "/mine");
    assert_eq!(found["PYENV_ROOT"], format!("{old}/.pyenv"));
    assert_eq!(
        found["PIP_CONFIG_FILE"],
        format!("{old}/.config/pip/pip.conf")
    );
    assert_eq!(found["PIP_CACHE_DIR"], format!("{old}/.cache/pip"));
}

#[test]
fn setuptools_own_file_is_merged_with_the_users() {
    let Some(all) = pythons::newest("setuptools_own_file_is_merged", 1) else {
        return;
    };
    let scratch = scratch();
    lay(
        scratch.path(),
        "mine.cfg 644 \"[build]\\nbuild_base = x\\nforce = 1\\n\"\n",
    );
    let said = tool()
        .args(["-q", "-i"])
        .arg(&all[0].path)
        .env("DIST_EXTRA_CONFIG", scratch.path().join("mine.cfg"))
        .args(["sh", "-c", "cat $DIST_EXTRA_CONFIG"])
        .run()
        .expect(0);
    let target = all[0].epython.replace('.', "_");
    assert_eq!(
        said.stdout,
        format!("[build]\nbuild_base = build/{target}\nforce = 1\n")
    );
    tool()
        .args(["-q", "-i"])
        .arg(&all[0].path)
        .env("DIST_EXTRA_CONFIG", scratch.path().join("missing.cfg"))
        .arg("true")
        .run()
        .expect(125);
}

#[test]
fn variants_have_no_python_environment() {
    let found = environment(
        one_variant()
            .env_remove("DIST_EXTRA_CONFIG")
            .env_remove("EPYTHON"),
    );
    for name in ["EPYTHON", "PYTHON", "PYTHON_SITEDIR", "DIST_EXTRA_CONFIG"] {
        assert!(!found.contains_key(name), "{name}");
    }
    assert_eq!(found["MULTIBUILD_VARIANT"], "v_1");
    tool()
        .args(["--variants", "a", "echo", "{interpreter}"])
        .run()
        .expect(125)
        .complains("py-foreach: replace {interpreter}: a variant has no interpreter");
}

#[test]
fn images_are_refused_before_anything_runs() {
    let Some(all) = pythons::newest("images_are_refused_before_anything_runs", 2) else {
        return;
    };
    let scratch = scratch();
    let held = scratch
        .path()
        .join("images")
        .join(&all[1].epython)
        .join("file");
    fs::create_dir_all(held.parent().unwrap()).unwrap();
    fs::write(&held, "").unwrap();
    let before = test_support::listing(scratch.path());
    tool()
        .args(["-i"])
        .arg(&all[0].path)
        .arg("-i")
        .arg(&all[1].path)
        .arg("--images")
        .arg(scratch.path().join("images"))
        .args(["touch", "ran"])
        .in_directory(scratch.path())
        .run()
        .expect(125)
        .complains("is there already and is not empty");
    assert_eq!(test_support::listing(scratch.path()), before);
}

#[test]
fn what_would_be_done_is_printed_and_not_done() {
    let Some(all) = pythons::newest("what_would_be_done_is_printed", 1) else {
        return;
    };
    let scratch = scratch();
    let said = tool()
        .arg("-i")
        .arg(&all[0].path)
        .args([
            "--images",
            "images",
            "--dry-run",
            "touch",
            "{interpreter}",
            "a b",
        ])
        .in_directory(scratch.path())
        .run()
        .expect(0);
    assert_eq!(
        said.stdout,
        format!("{0}: touch {0} 'a b'\n", all[0].epython)
    );
    assert_eq!(test_support::listing(scratch.path()), "");
}
