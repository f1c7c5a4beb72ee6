//! Bad input is refused with one line on stderr and the right status, and nothing changes.

use test_support::{lay, listing};

use crate::bench::Bench;

/// A command line, its status, and words of its one line on stderr.
const REFUSED: &[(&str, i32, &str)] = &[
    ("py-foreach -i python3.98", 125, "required"),
    ("py-foreach", 125, "required"),
    ("py-foreach -i python3.98 -- true", 125, "python3.98"),
    ("py-foreach -i nonsense -- true", 125, "nonsense"),
    (
        "PYTHON_TARGETS=python3_98 py-foreach -- true",
        125,
        "python3.98",
    ),
    (
        "py-foreach -i /usr/bin/python3 --images file -- true",
        125,
        "file",
    ),
    (
        "py-foreach -i /usr/bin/python3 --images /proc/nowhere -- true",
        125,
        "/proc/nowhere",
    ),
    ("img-merge gone dest", 2, "gone"),
    ("img-merge image file", 2, "file"),
    ("img-merge image image", 2, "image"),
    ("img-merge image", 2, "no image"),
    ("img-merge --images-from=- image dest", 2, "image"),
    ("py-wrapper --impl python3.12 gone", 2, "gone"),
    ("py-wrapper --impl python3 image", 2, "python3"),
    (
        "printf 'python3.12 /x\\n' | img-merge --images-from=- dest",
        2,
        "no tab",
    ),
    (
        "printf 'python3.12 /x\\n' | py-wrapper --images-from=-",
        2,
        "no tab",
    ),
    (
        "printf 'end\\t3\\n' | img-merge --images-from=- dest",
        2,
        "3",
    ),
    ("printf '' | img-merge --images-from=- dest", 2, "end line"),
    ("printf '' | py-wrapper --images-from=-", 2, "end line"),
];

#[test]
fn bad_input_is_one_line_with_its_status_and_changes_nothing() {
    for (command, status, words) in REFUSED {
        let bench = Bench::new();
        lay(
            &bench.path("."),
            "file 644 \"x\"\nimage/a 644 \"a\"\ndest/b 644 \"b\"\n",
        );
        let before = listing(&bench.path("."));
        let outcome = bench.run(command);
        assert_eq!(
            outcome.status,
            Some(*status),
            "{command}\n{}",
            outcome.stderr
        );
        let lines: Vec<_> = outcome.stderr.lines().collect();
        assert!(
            lines.len() == 1 && lines[0].contains(words),
            "{command}: one line with {words:?} was expected:\n{}",
            outcome.stderr
        );
        assert_eq!(listing(&bench.path(".")), before, "{command}");
    }
}

#[test]
fn an_image_that_is_not_empty_is_refused_before_anything_runs() {
    let bench = Bench::new();
    let epython = "import sys; print('python%d.%d' % sys.version_info[:2])";
    let name = bench
        .run(&format!("/usr/bin/python3 -c \"{epython}\""))
        .expect(0);
    let name = name.stdout.trim().to_owned();
    lay(&bench.path("images"), &format!("{name}/old 644 \"x\"\n"));
    let outcome = bench.run("py-foreach -i /usr/bin/python3 --images images -- touch ran");
    outcome.expect(125).complains(&name);
    assert!(
        bench.path("ran").symlink_metadata().is_err(),
        "the command ran"
    );
}

#[test]
fn the_images_of_a_broken_stream_are_merged() {
    for (end, words) in [("", "end line"), ("end\\t3\\n", "3")] {
        let bench = Bench::new();
        lay(&bench.path("."), "image/a 644 \"a\"\n");
        let outcome = bench.run(&format!(
            "printf 'python3.12\\t%s\\n{end}' \"$PWD/image\" | img-merge --quiet --images-from=- dest"
        ));
        outcome.expect(2).complains(words);
        assert_eq!(listing(&bench.path("dest")), "a 644 \"a\"\n");
    }
}
