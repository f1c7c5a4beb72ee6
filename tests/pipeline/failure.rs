//! If one implementation of three fails, every tool reports it, and the two good images are merged.

use test_support::{listing, pythons};

use crate::bench::Bench;

#[test]
fn every_tool_reports_one_failure_of_three_and_the_other_images_are_merged() {
    let Some(pythons) = pythons::newest("one failing implementation of three", 3) else {
        return;
    };
    let names: Vec<_> = pythons.iter().map(|p| p.epython.as_str()).collect();
    let bench = Bench::new();
    // Without pipefail the last status has to be enough.
    let outcome = bench.run(&format!(
        "py-foreach -i '{}' --images images -- sh -c '\
             if [ $EPYTHON = {} ]; then echo broken >&2; exit 7; fi\n\
             mkdir -p \"$DESTDIR/usr/bin\"\n\
             printf \"#!$PYTHON\\nprint(1)\\n\" > \"$DESTDIR/usr/bin/one\"\n\
             chmod 755 \"$DESTDIR/usr/bin/one\"\n\
             echo same > \"$DESTDIR/usr/shared\"' \
         | py-wrapper --images-from=- | img-merge --method=move --images-from=- dest\n\
         echo \"${{PIPESTATUS[@]}}\"",
        pythons::paths(&pythons),
        names[1]
    ));
    assert_eq!(outcome.stdout, "7 2 2\n", "{}", outcome.stderr);
    for tool in ["py-foreach", "py-wrapper", "img-merge"] {
        assert!(
            outcome
                .stderr
                .lines()
                .any(|line| line.starts_with(&format!("{tool}: "))),
            "{tool} says nothing:\n{}",
            outcome.stderr
        );
    }
    let merged = listing(&bench.path("dest"));
    for name in [names[0], names[2]] {
        assert!(
            merged.contains(&format!("usr/lib/python-exec/{name}/one")),
            "{merged}"
        );
    }
    assert!(
        !merged.contains(&format!("usr/lib/python-exec/{}/", names[1])),
        "{merged}"
    );
    assert!(merged.contains("usr/bin/one "), "{merged}");
}
