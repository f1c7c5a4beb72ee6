//! The pool's bound below the clients that builds use; `clients` and `packages` have the others.

use std::fs;

use crate::pool::Work;
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
fn a_make_of_the_working_directory_is_found_where_path_has_an_empty_element() {
    let work = Work::new();
    let make = work.path().join("make");
    fs::write(&make, "#!/bin/sh\necho ours\n").unwrap();
    fs::set_permissions(&make, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // What starts itself again and again ends here, too.
    let outcome = work
        .tool()
        .env("PATH", format!(":{}", std::env::var("PATH").unwrap()))
        .args(["--timeout=30", "--variants", "a", "make"])
        .run()
        .expect(0);
    assert_eq!(outcome.stdout, "ours\n");
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
