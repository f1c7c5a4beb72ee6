//! The options that every tool answers before it does any work.

use crate::Tool;

/// Asserts that `--help`, `--version` and `--completion` print to standard output, and that an unknown option is an error
/// of one line with the tool's `name`, and of exit status `status`.
///
/// # Panics
/// When it is not so.
#[track_caller]
pub fn assert_usual(program: &str, name: &str, status: i32) {
    let run = |words: &[&str]| Tool::new(program).args(words).run();
    let version = run(&["--version"]).expect(0).stdout;
    assert!(version.starts_with(&format!("{name} ")), "{version}");
    let help = run(&["--help"]).expect(0).stdout;
    assert!(help.contains("--quiet"), "{help}");
    let script = run(&["--completion", "bash"]).expect(0).stdout;
    assert!(script.contains("complete "), "{script}");
    let said = format!("{name}: unexpected argument '--no-such-option'");
    run(&["--no-such-option"]).expect(status).complains(&said);
}
