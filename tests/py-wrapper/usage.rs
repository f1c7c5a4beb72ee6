//! What the command line answers before any work is done.

use test_support::Tool;

fn tool() -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_py-wrapper"))
}

#[test]
fn help_and_version_are_on_standard_output() {
    let version = tool().arg("--version").run().expect(0);
    assert!(
        version.stdout.starts_with("py-wrapper "),
        "{}",
        version.stdout
    );
    let help = tool().arg("--help").run().expect(0);
    assert!(help.stdout.contains("--quiet"), "{}", help.stdout);
}

#[test]
fn an_unknown_option_is_one_line() {
    tool()
        .arg("--no-such-option")
        .run()
        .expect(2)
        .complains("py-wrapper: unexpected argument '--no-such-option'");
}

#[test]
fn completions_are_printed() {
    let script = tool().args(["--completion", "bash"]).run().expect(0);
    assert!(script.stdout.contains("complete "), "{}", script.stdout);
}
