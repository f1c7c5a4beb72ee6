//! The compile phase runs all variants at once, each as if it were the only one.

use crate::rig::{Rig, assert_in_order, variant};

fn a_function_sees_the_state_of_its_caller(eapi: u32) {
    let Some(rig) = Rig::new() else {
        return;
    };
    let package = format!("sees-{eapi}");
    let outcome = rig.ebuild(&package, "install").expect(0);
    let out = rig.build(&package).join("work/out");
    let blocks: Vec<String> = rig
        .pythons()
        .iter()
        .map(|python| {
            let variant = variant(python);
            format!(
                " * {variant}: running look an argument $HOME * \n\
                 3 arguments: <an argument> <$HOME *> <>\n\
                 local <a local> number <8> list <two\nlines> of 3 map <a value>\n\
                 exported yes {python} nullglob <> ifs <$' \\t\\n'>\n\
                 variant {variant} id {variant} build {out}-{variant} outside <>\n\
                 in below of pristine, own copy: {python}\n\
                 called by look\n",
                out = out.display(),
            )
        })
        .collect();
    assert_in_order(&outcome.stdout, &blocks);
    for (python, block) in rig.pythons().iter().zip(&blocks) {
        let log = rig.temporary(&package, &format!("build-{}.log", variant(python)));
        assert!(log.starts_with(block), "{log}");
    }
}

#[test]
fn a_function_sees_the_state_of_its_caller_in_eapi_7() {
    a_function_sees_the_state_of_its_caller(7);
}

#[test]
fn a_function_sees_the_state_of_its_caller_in_eapi_8() {
    a_function_sees_the_state_of_its_caller(8);
}

#[test]
fn calls_nest_sources_are_joined_and_scripts_are_wrapped() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let outcome = rig.ebuild("sees-8", "install").expect(0);
    let pythons = rig.pythons();
    let best = pythons.last().expect("a Python");

    let copies = " * left: copying to ";
    assert!(outcome.stdout.contains(copies), "{}", outcome.stdout);
    assert_eq!(outcome.stdout.matches("copied: pristine\n").count(), 2);
    assert!(outcome.stdout.contains("\nback in below: "));
    assert!(outcome.stdout.contains(" * best: running report\n"));

    let inside: Vec<String> = pythons
        .iter()
        .flat_map(|python| {
            ["abi_x86_32.x86", "abi_x86_64.amd64"].map(|abi| {
                let id = format!("{}-{abi}", variant(python));
                format!(" * {abi}: running inside_abi\ninside {id} {python} out-{id} below\n")
            })
        })
        .collect();
    assert_in_order(&outcome.stdout, &inside);
    let id = format!("{}-abi_x86_32.x86", variant(best));
    assert!(
        rig.temporary("sees-8", &format!("build-{id}.log"))
            .contains("inside ")
    );

    let made: Vec<String> = pythons.iter().map(|p| format!("made-by-{p}")).collect();
    let leaks = format!("leaks: yes; source: {best}; {}\n", made.join(" "));
    assert!(outcome.stdout.contains(&leaks), "{}", outcome.stdout);

    for python in &pythons {
        let script = rig.image("sees-8").join("usr/bin/whoami-python");
        let said = test_support::Tool::new(script)
            .env("EPYTHON", python)
            .run()
            .expect(0);
        assert_eq!(
            said.stdout,
            format!("this is {}\n", &python["python".len()..])
        );
    }
}

#[test]
fn exported_variables_have_the_values_of_a_serial_run() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let outcome = rig.ebuild("exports-1", "install").expect(0);
    let pythons = rig.pythons();
    let best = pythons.last().expect("a Python");
    let all = pythons.join(" ");
    let mut sorted = pythons.clone();
    sorted.sort_unstable();
    let sorted = sorted.join(" ");
    let variants: Vec<String> = pythons.iter().map(|p| variant(p)).collect();

    assert!(
        outcome.stdout.contains(&format!(
            "scalar: from {best} with \"quotes\" and\na line\n\
             list: before {all}\n\
             map: before {sorted} \n\
             new map: {sorted} \n\
             predicted: {best}\n\
             forgotten: unset\n\
             variant: unset unset unset\n"
        )),
        "{}",
        outcome.stdout
    );
    let notice = format!(
        "QA Notice: variants changed these variables, and the changes are lost:\n \
         *   FORGOTTEN (by {})\n",
        variants.join(" ")
    );
    assert!(outcome.stdout.contains(&notice), "{}", outcome.stdout);
    // The notice names only the variable that the ebuild does not export.
    assert_eq!(
        outcome.stdout.matches("(by ").count(),
        1,
        "{}",
        outcome.stdout
    );
    let seen = format!("seen: {all}; ");
    assert!(outcome.stdout.contains(&seen), "{}", outcome.stdout);
}

#[test]
fn no_variants_is_an_error_that_says_so() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let outcome = rig.ebuild("no-variants-1", "compile").expect(1);
    assert!(
        outcome
            .stdout
            .contains(" *   MULTIBUILD_VARIANTS need to be set\n"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn variants_that_would_share_a_tree_run_in_order() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let outcome = rig.ebuild("apart-1", "compile").expect(0);
    let all = rig.pythons().join(" ");
    for place in [
        "second",
        "apart-1/leads-out",
        "/second",
        "second/.",
        "apart-1/../second",
        "deep/link",
        "missing",
    ] {
        let line = format!("\nin {place}: {all}\n");
        assert!(outcome.stdout.contains(&line), "{line}{}", outcome.stdout);
    }
}

#[test]
fn sources_behind_a_link_are_copied_and_every_variable_names_the_copy() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let outcome = rig.ebuild("apart-1", "compile").expect(0);
    let pythons = rig.pythons();
    for python in &pythons {
        let own = format!("own: {python} {python} -IS/below -LS W/link-other S/below path\n");
        assert_eq!(
            outcome.stdout.matches(&own).count(),
            2,
            "{}",
            outcome.stdout
        );
    }
    let best = pythons.last().expect("a Python");
    let mut made: Vec<String> = pythons.iter().map(|p| format!("made-by-{p}")).collect();
    made.sort_unstable();
    let gathered = format!("link: {best} {}\n", made.join(" "));
    assert!(outcome.stdout.contains(&gathered), "{}", outcome.stdout);
}
