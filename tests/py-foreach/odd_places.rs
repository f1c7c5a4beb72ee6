//! Directories with blanks and worse in their names.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use test_support::{pythons, scratch};

use crate::tool;

/// Names that a shell, make or a list of words would take apart.
const ODD: [&[u8]; 4] = [b"a b", b"a $HOME $$", b"it's \"a\"", b"line\nbreak \xff\\"];

/// A directory of such a name.
fn odd(parent: &Path, name: &[u8]) -> PathBuf {
    let path = parent.join(OsStr::from_bytes(name));
    fs::create_dir(&path).unwrap();
    path
}

#[test]
fn a_temporary_place_that_lists_take_apart_is_refused() {
    let dir = scratch();
    for name in ODD.into_iter().chain([&b"a:b"[..]]) {
        let tmp = odd(dir.path(), name);
        let ran = dir.path().join("ran");
        let run = tool().args(["--variants", "v", "touch"]).arg(&ran);
        let outcome = run.env("TMPDIR", &tmp).run().expect(125);
        outcome.complains("set TMPDIR to a path of letters, digits");
        assert!(!ran.exists());
        assert_eq!(fs::read_dir(&tmp).unwrap().count(), 0, "{}", tmp.display());
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
        let script =
            format!(r#"printf '%s|' "$BUILD_DIR" > "{said}"; python -c 'print(1)'; echo printed"#);
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
