//! `multibuild_merge_root` replaces files that exist and names those that differ.

use std::fs;

use test_support::Outcome;

use crate::rig::{Rig, variant};

#[test]
fn a_better_variants_file_replaces_a_different_one_with_a_notice() {
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

    // A second run without "clean" finds the files of the first one in T.
    fs::remove_file(rig.build("conflicts-1").join(".installed")).expect("a mark of Portage");
    let file = rig.file("conflicts-1");
    assert_notices(&rig, &rig.phases(&file, &["install"]).run().expect(0));
}

/// Each Python's file replaces that of the one before, and no other file differs.
#[track_caller]
fn assert_notices(rig: &Rig, outcome: &Outcome) {
    let image = rig.build("conflicts-1").join("image");
    let path = rig.image("conflicts-1").join("usr/share/conflicts/differs");
    let shown = path.strip_prefix(&image).expect("in the image").display();
    let pythons = rig.pythons();
    let expected: Vec<String> = pythons
        .iter()
        .skip(1)
        .map(|better| {
            let better = variant(better);
            format!(
                " * QA Notice: {better} replaces a different file: {shown}: conflict (content): "
            )
        })
        .collect();
    let said = |text: &str| {
        let lines = outcome.stdout.lines().filter(|line| line.contains(text));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    // Portage may print them again at the end.
    let mut notices = said("conflicts/differs: ");
    notices.dedup();
    let matches = |(notice, expected): (&String, &String)| notice.starts_with(expected.as_str());
    assert!(notices.len() >= expected.len(), "{}", outcome.stdout);
    let repeated = notices.iter().zip(expected.iter().cycle());
    assert!(repeated.into_iter().all(matches), "{}", outcome.stdout);
    assert_eq!(said("conflicts/same"), Vec::<String>::new());
}
