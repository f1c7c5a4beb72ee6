//! What the command line answers before any work is done.

#[test]
fn it_answers_as_every_tool_does() {
    test_support::usage::assert_usual(env!("CARGO_BIN_EXE_py-foreach"), "py-foreach", 125);
}
