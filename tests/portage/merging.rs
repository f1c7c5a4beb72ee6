//! `multibuild_merge_root`: what is there is replaced, and said.

use std::fs;

use test_support::Outcome;

use crate::rig::{Rig, variant};

#[test]
fn the_better_overwrites_the_worse_with_a_notice() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let pythons = rig.pythons();
    let outcome = rig.ebuild("conflicts-1", "install").expect(0);
    let there = rig.image("conflicts-1").join("usr/share/conflicts");
    let best = pythons.last().expect("a Python");
    assert_eq!(
        fs::read_to_string(there.join("differs")).expect("a file"),
        format!("{best}\n")
    );

    assert_notices(&rig, &outcome);

    // Without "clean" T stays, and with it what is noted there.
    fs::remove_file(rig.build("conflicts-1").join(".installed")).expect("a mark of Portage");
    let file = rig.file("conflicts-1");
    assert_notices(&rig, &rig.phases(&file, &["install"]).run().expect(0));
}

/// Each Python's file replaces that of the one before, and nothing else is different.
#[track_caller]
fn assert_notices(rig: &Rig, outcome: &Outcome) {
    let image = rig.build("conflicts-1").join("image");
    let path = rig.image("conflicts-1").join("usr/share/conflicts/differs");
    let shown = path.strip_prefix(&image).expect("in the image").display();
    let pythons = rig.pythons();
    let expected: Vec<String> = pythons
        .windows(2)
        .map(|pair| {
            let [worse, better] = [&pair[0], &pair[1]].map(|python| variant(python));
            format!(
                " * QA Notice: /{shown} of {better} replaces that of {worse}, which is different"
            )
        })
        .collect();
    let said = |text: &str| {
        let lines = outcome.stdout.lines().filter(|line| line.contains(text));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    // Portage may say them again at the end.
    let mut notices = said("conflicts/differs of ");
    notices.dedup();
    assert!(notices.starts_with(&expected), "{}", outcome.stdout);
    let others = notices.iter().find(|notice| !expected.contains(notice));
    assert_eq!(others, None, "{}", outcome.stdout);
    assert_eq!(said("conflicts/same"), Vec::<String>::new());
}
