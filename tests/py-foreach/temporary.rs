//! Where temporary things lie, and who may look at them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use test_support::{Tool, cannot_run_here, need_command, scratch};

use crate::running::Running;
use crate::{PROGRAM, on_our_terms, tool};

/// A run that tells its temporary directory, whose parent's parent is the run's own.
const TELLS: [&str; 5] = ["--variants", "a", "sh", "-c", "echo \"$TMPDIR\""];

#[test]
fn a_place_where_nothing_can_be_run_is_refused() {
    need_command("unshare", "util-linux");
    let can = Command::new("unshare").args(["-m", "true"]).output();
    if !can.is_ok_and(|said| said.status.success()) {
        let test = "a_place_where_nothing_can_be_run_is_refused";
        return cannot_run_here(test, "it makes a mount namespace, which needs root");
    }
    let dir = scratch();
    let trace = dir.path().join("ran");
    let tmp = dir.path().join("tmp");
    fs::create_dir(&tmp).unwrap();
    // What is refused leaves nothing, which only those see who see the mount.
    let script = r#"mount -t tmpfs -o noexec none "$TMPDIR" || exit; "$@"; status=$?
        ls "$TMPDIR"; exit $status"#;
    let mut inside = Command::new("unshare");
    inside.args(["-m", "sh", "-c", script, "sh"]);
    let run = tool()
        .args(["--variants", "a", "touch"])
        .arg(&trace)
        .env("TMPDIR", &tmp);
    let outcome = Running::start_command(run.behind(inside)).end();
    let outcome = outcome.expect(125).complains("it is mounted noexec");
    assert_eq!(outcome.stdout, "");
    assert!(!trace.exists());
}

#[test]
fn an_empty_name_is_none_and_a_relative_one_is_made_whole() {
    let dir = scratch();
    fs::create_dir(dir.path().join("a:b")).unwrap();
    for place in ["tmp", "a:b/tmp"] {
        fs::create_dir(dir.path().join(place)).unwrap();
    }
    let run = |name: &str, place: &str, words: &[&str]| {
        let run = tool().args(words).env("TMPDIR", name);
        run.in_directory(dir.path().join(place)).run()
    };
    let told = run("", "", &TELLS).expect(0).stdout;
    assert!(told.starts_with("/tmp/py-foreach-"), "{told}");
    let whole = format!("{}/tmp/py-foreach-", dir.path().display());
    let told = run("tmp", "", &TELLS).expect(0).stdout;
    assert!(told.starts_with(&whole), "{told}");
    let told = run("tmp", "", &["--variants", "a", "--env"]).expect(0);
    assert!(told.stdout.contains(&whole), "{}", told.stdout);
    // A log that is kept lies beside it.
    let said = run("tmp", "", &["--variants", "a", "sh", "-c", "echo; exit 1"]).expect(1);
    let log = format!("its log is {whole}logs-");
    assert!(said.stderr.contains(&log), "{}", said.stderr);
    run("tmp", "a:b", &TELLS)
        .expect(125)
        .complains("set TMPDIR to a path of letters, digits");
}

#[test]
fn others_may_go_through_to_the_jobs_programs_and_look_at_nothing() {
    let dir = scratch();
    let script = "stat -c %a \"$TMPDIR/../..\"; exit 1";
    let outcome = on_our_terms(Tool::new("sh"))
        .args(["-c", r#"umask 0; exec "$@""#, "sh", PROGRAM])
        .args(["--variants", "a", "sh", "-c", script])
        .env("TMPDIR", dir.path())
        .run()
        .expect(1);
    assert_eq!(outcome.stdout, "711\n");
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "the logs: {left:?}");
    let logs = left[0].as_ref().unwrap().metadata().unwrap();
    assert_eq!(logs.permissions().mode() & 0o7777, 0o700);
}

#[test]
fn a_job_that_becomes_another_user_finds_our_make() {
    need_command("setpriv", "util-linux");
    if !rustix::process::geteuid().is_root() {
        let test = "a_job_that_becomes_another_user_finds_our_make";
        return cannot_run_here(test, "it becomes another user");
    }
    let dir = scratch();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let become_nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let outcome = tool()
        .args(["--variants", "a"])
        .args(become_nobody)
        .args(["sh", "-c", "command -v make"])
        .env("TMPDIR", dir.path())
        .run()
        .expect(0);
    let ours = format!("{}/py-foreach-", dir.path().display());
    assert!(outcome.stdout.starts_with(&ours), "{}", outcome.stdout);
}
