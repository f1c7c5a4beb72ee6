//! The line in Portage's bashrc, with an ebuild and eclasses that do not know py-multibuild.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::image::differences;
use crate::rig::{Rig, variant};

/// Whether variants ran at once: then there is a directory with the copies of the sources.
fn ran_at_once(rig: &Rig, package: &str) -> bool {
    rig.build(package).join("work/py-multibuild").is_dir()
}

#[test]
fn an_ebuild_gives_the_same_image_with_and_without_the_line() {
    let Some(rig) = Rig::new() else {
        return;
    };
    rig.ebuild("sample-1", "install").expect(0);
    assert!(!ran_at_once(&rig, "sample-1"));
    let without = rig.keep_image("sample-1");

    rig.add_the_line();
    let outcome = rig.ebuild("sample-1", "install").expect(0);
    assert!(ran_at_once(&rig, "sample-1"));
    assert!(!outcome.stdout.contains("QA Notice"), "{}", outcome.stdout);
    let with = rig.image("sample-1");
    assert_eq!(differences(&without, &with), Vec::<String>::new());
    for python in rig.pythons() {
        let said = test_support::Tool::new(rig.prefix().join("usr/bin").join(&python))
            .args(["-c", "import sample; sample.main()"])
            .in_directory(with.join(format!("usr/lib/{python}/site-packages")))
            .run()
            .expect(0);
        assert_eq!(said.stdout, format!("sample of {python}\n"));
    }
}

#[test]
fn a_pure_package_is_built_once_and_in_order() {
    let Some(rig) = Rig::new() else {
        return;
    };
    rig.ebuild("pure-1", "install").expect(0);
    let without = rig.keep_image("pure-1");
    rig.add_the_line();
    let outcome = rig.ebuild("pure-1", "install").expect(0);
    let pythons = rig.pythons();
    let reused = format!("using pure-1-{}/wheel\n", variant(&pythons[0]));
    assert_eq!(
        outcome.stdout.matches(&reused).count(),
        pythons.len() - 1,
        "{}",
        outcome.stdout
    );
    assert!(!ran_at_once(&rig, "pure-1"));
    assert_eq!(
        differences(&without, &rig.image("pure-1")),
        Vec::<String>::new()
    );
}

/// Builds the sample with the line in the bashrc and expects one message that it is not used, with the reason `why`.
#[track_caller]
fn is_not_used(rig: &Rig, why: &str) {
    let outcome = rig.ebuild("sample-1", "install").expect(0);
    let notice = format!(" * py-multibuild is not used: {why}");
    assert_eq!(
        outcome.stdout.matches(&notice).count(),
        1,
        "{}",
        outcome.stdout
    );
    assert_eq!(
        outcome.stdout.matches("is not used").count(),
        1,
        "{}",
        outcome.stdout
    );
    assert!(!ran_at_once(rig, "sample-1"));
}

#[test]
fn off_switches_it_off() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let rig = rig.with_the_line().with_variable("PY_MULTIBUILD", "off");
    is_not_used(&rig, "PY_MULTIBUILD is off\n");
}

#[test]
fn a_missing_tool_is_named() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let rig = rig.with_the_line();
    fs::remove_file(rig.home().join("bin/img-merge")).expect("a link less");
    is_not_used(
        &rig,
        "img-merge is not on PATH: install app-portage/py-multibuild\n",
    );
}

#[test]
fn a_tool_that_is_too_old_is_named() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let rig = rig.with_the_line();
    let tool = rig.home().join("bin/py-foreach");
    fs::remove_file(&tool).expect("a link less");
    fs::write(&tool, "#!/bin/sh\necho py-foreach 0.0.9\n").expect("an old tool");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("a program");
    is_not_used(&rig, "py-foreach 0.0.9 is too old: ");
}

#[test]
fn an_eclass_whose_tools_are_missing_dies_with_one_clear_message() {
    let Some(rig) = Rig::new() else {
        return;
    };
    fs::remove_file(rig.home().join("bin/py-foreach")).expect("a link less");
    let outcome = rig.ebuild("returns-1", "compile").expect(1);
    let message = " *   py-foreach is not on PATH: install app-portage/py-multibuild\n";
    assert_eq!(
        outcome.stdout.matches(message).count(),
        1,
        "{}",
        outcome.stdout
    );
}

#[test]
fn other_eclasses_are_left_alone() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let rig = rig.with_the_line();
    let outcome = rig.ebuild("other-1", "compile").expect(0);
    assert!(
        outcome
            .stdout
            .contains("\nseen: abi_x86_32.x86 abi_x86_64.amd64\n"),
        "{}",
        outcome.stdout
    );
    assert_eq!(
        outcome.stdout.matches("is not used").count(),
        1,
        "{}",
        outcome.stdout
    );
}

#[test]
fn phases_and_functions_can_run_in_order() {
    for word in ["compile", "distutils-r1_python_compile"] {
        let Some(rig) = Rig::new() else {
            return;
        };
        let rig = rig
            .with_the_line()
            .with_variable("PY_MULTIBUILD_SERIAL", word);
        rig.ebuild("sample-1", "install").expect(0);
        assert!(!ran_at_once(&rig, "sample-1"), "{word}");
    }
}
