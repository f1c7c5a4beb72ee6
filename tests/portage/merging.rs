//! `multibuild_merge_root`: what is there is replaced, and said.

use std::fs;

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

    let path = there.join("differs");
    let image = rig.build("conflicts-1").join("image");
    let shown = path.strip_prefix(&image).expect("in the image").display();
    for pair in pythons.windows(2) {
        let notice = format!(
            " * QA Notice: /{shown} of {} replaces that of {}, which is different\n",
            variant(&pair[1]),
            variant(&pair[0])
        );
        assert!(
            outcome.stdout.contains(&notice),
            "{notice}{}",
            outcome.stdout
        );
    }
    assert!(
        !outcome.stdout.contains("conflicts/same"),
        "{}",
        outcome.stdout
    );
}
