//! A caller whose shell is in an unusual state: its functions see exactly that state.

use crate::rig::Rig;

/// The logs are the same when all variants run at once and when they run in order.
#[test]
fn unusual_words_options_and_names_are_as_in_the_ebuilds_own_shell() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let (at_once, said) = logs(&rig);
    assert!(said.contains("went on with 5, ran here: no\n"), "{said}");
    assert!(!said.contains("a command failed"), "{said}");
    for variant in ["a,b", "c d", "same"] {
        let running = format!(" * {variant}: running tell variant\n");
        assert!(said.contains(&running), "{said}");
    }
    let place = "in /outside-left, which is below work's sibling, with -v -d stats\n";
    assert!(at_once[0].contains(place), "{}", at_once[0]);
    // With NINJAOPTS set, ninja-utils.eclass does not choose a number of jobs, and ninja uses the pool.
    let ninja = |rig: &Rig| rig.temporary("hostile-1", "ninja-left");
    assert_eq!(ninja(&rig), "-l7\n");
    let rig = rig.with_variable("PY_MULTIBUILD_SERIAL", "compile");
    let (in_order, said) = logs(&rig);
    assert!(said.contains("went on with 5, ran here: yes\n"), "{said}");
    assert_eq!(ninja(&rig), "unset\n");
    assert_eq!(at_once, in_order);
    assert_eq!(in_order[0].matches("left: running ").count(), 18);
}

fn logs(rig: &Rig) -> ([String; 2], String) {
    let outcome = rig.ebuild("hostile-1", "compile").expect(0);
    let logs = ["left", "right.x86"]
        .map(|variant| rig.temporary("hostile-1", &format!("build-{variant}.log")));
    (logs, outcome.stdout)
}
