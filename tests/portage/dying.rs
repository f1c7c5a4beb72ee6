//! The ebuild when a variant fails.

use crate::rig::{Rig, assert_in_order, variant};

#[test]
fn the_ebuild_dies_with_the_message_of_the_first_variant_in_declared_order() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let pythons = rig.pythons();
    let (second, last) = (&pythons[1], &pythons[pythons.len() - 1]);
    let outcome = rig.ebuild("dies-1", "compile").expect(1);

    let mut expected = vec![format!("compiling for {}\ndone with {0}\n", pythons[0])];
    expected.extend([
        format!("compiling for {second}\n"),
        " * ERROR: dev-python/dies-1::pymb-test failed (compile phase):\n".into(),
        format!(" *   {second} broke down with words\n"),
        " * Call stack:\n".into(),
        ":  Called _python_multibuild_wrapper 'python_compile'\n".into(),
        ":  Called python_compile\n".into(),
        ":  Called break_down 'with words'\n".into(),
        ":  Called die\n".into(),
        "die \"${EPYTHON} broke down ${1}\"\n".into(),
    ]);
    for other in &pythons[2..pythons.len() - 1] {
        expected.push(format!("done with {other}\n"));
    }
    expected.extend([
        format!("compiling for {last}\n"),
        " *   the last one\n".into(),
        format!(" * {}: the log is ", variant(second)),
        " * ERROR: dev-python/dies-1::pymb-test failed (compile phase):\n".into(),
        format!(" *   {}: {second} broke down with words\n", variant(second)),
        ":  Called src_compile\n".into(),
        ":  Called python_foreach_impl 'python_compile'\n".into(),
        ":  Called die\n".into(),
    ]);
    assert_in_order(&outcome.stdout, &expected);
    assert!(!outcome.stdout.contains("nobody comes here"));
    assert!(
        !outcome.stdout.contains("unexpectedly"),
        "{}",
        outcome.stdout
    );

    let log = rig.temporary("dies-1", &format!("build-{}.log", variant(second)));
    assert!(log.contains(" broke down with words\n"), "{log}");
    assert!(log.contains("Called break_down 'with words'\n"), "{log}");
    let whole = rig.temporary("dies-1", "build.log");
    assert_in_order(&whole, &expected);

    // Portage's report at the end has that order, although the last variant died first.
    let reported = [
        format!("INFO {}: running python_compile\n", variant(&pythons[0])),
        format!("ERROR   {second} broke down with words\n"),
        "ERROR   the last one\n".into(),
        format!("ERROR {}: the log is ", variant(second)),
    ];
    assert_in_order(&rig.temporary("dies-1", "logging/compile"), &reported);
}

#[test]
fn a_variant_that_dies_without_a_message_is_named() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let outcome = rig.ebuild("dies-2", "compile").expect(1);
    let message = format!(" *   {}: (no error message)\n", variant(&rig.pythons()[1]));
    assert!(outcome.stdout.contains(&message), "{}", outcome.stdout);
}

#[test]
fn a_helper_that_dies_ends_its_variant_and_then_the_ebuild() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let pythons = rig.pythons();
    let outcome = rig.ebuild("helper-dies-1", "compile").expect(1);
    let second = variant(&pythons[1]);
    let last = &pythons[pythons.len() - 1];
    assert_in_order(
        &outcome.stdout,
        &[
            " *   emake failed\n".into(),
            format!("done with {last}\n"),
            format!(" *   {second}: python_compile failed before its end (status "),
        ],
    );
    assert!(!outcome.stdout.contains("nobody comes here"));
}

#[test]
fn the_first_status_in_declared_order_is_returned() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let outcome = rig.ebuild("returns-1", "compile").expect(0);
    assert!(
        outcome.stdout.contains("\nthe status is 4\n"),
        "{}",
        outcome.stdout
    );
}
