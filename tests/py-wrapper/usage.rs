//! What the command line answers before any work is done.

use test_support::Tool;

fn tool() -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_py-wrapper"))
}

#[test]
fn help_version_and_usage_errors_are_those_of_all_tools() {
    test_support::usage::assert_usual(env!("CARGO_BIN_EXE_py-wrapper"), "py-wrapper", 2);
}

#[test]
fn every_option_is_in_the_manual() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../man/py-wrapper.1");
    test_support::manual::assert_options_match(env!("CARGO_BIN_EXE_py-wrapper"), page.as_ref());
}

#[test]
fn wrong_arguments_get_an_error_of_one_line() {
    for (words, said) in [
        (&["image"][..], "--impl"),
        (&["--impl=python3.12"], "<IMAGE>"),
        (
            &["--impl=python3", "image"],
            "python3 names no implementation",
        ),
        (&["--images-from=-", "image"], "cannot be used with"),
        (
            &["--images-from=-", "--impl=python3.12"],
            "exclude each other",
        ),
        (&["--impl=python3.12", "a", "b"], "one image at a time"),
        (
            &["--impl=python3.12", "--no-end", "a"],
            "--no-end needs --images-from",
        ),
        (
            &["--impl=python3.12,python3_12", "--replicate", "f", "a"],
            "--impl names python3.12 twice",
        ),
        (
            &["--impl=python3.12,pypy3", "a"],
            "an image has one implementation",
        ),
        (
            &["--impl=python3.12", "--bindir=bin", "a"],
            "use --bindir bin: is not an absolute path",
        ),
        (
            &["--impl=python3.12", "--eprefix=/a/../b", "a"],
            "has .. in it",
        ),
        (
            &["--impl=python3.12", "--interpreter=python", "a"],
            "is not an absolute path",
        ),
        (
            &["--impl=python3.12", "--interpreter=/bin/{epython}", "a"],
            "{epython} has no meaning; {interpreter} and {version} have",
        ),
        (
            &["--impl=python3.12", "--scriptroot=/a'b", "a"],
            "a wrapper cannot carry",
        ),
        (
            &["--impl=python3.12", "--scriptroot=/usr/bin/scripts", "a"],
            "use bin directory /usr/bin: it and the script root /usr/bin/scripts may not hold each other",
        ),
        (
            &["--impl=python3.12", "--scriptroot=/", "a"],
            "hold each other",
        ),
        (
            &["--impl=python3.12", "--bindir=/usr/lib/python-exec", "a"],
            "hold each other",
        ),
        (
            &["--impl=python3.12", "--kind=copy", "--scriptroot=/a:b", "a"],
            "a colon in a path",
        ),
        (
            &["--impl=python3.12", "--kind=copy", "--eprefix=/a:b", "a"],
            "a colon in a path",
        ),
        (
            &["--impl=python3.12", "--kind=other", "a"],
            "invalid value 'other'",
        ),
    ] {
        tool().args(words).run().expect(2).complains(said);
    }
    let run = tool()
        .args(["--impl=python3.12", "a"])
        .env("SOURCE_DATE_EPOCH", "x")
        .run();
    run.expect(2)
        .complains("read SOURCE_DATE_EPOCH x: is not a number of seconds");
}
