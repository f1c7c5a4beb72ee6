//! What the command line answers before any work is done.

#[test]
fn it_answers_as_every_tool_does() {
    test_support::usage::assert_usual(env!("CARGO_BIN_EXE_py-foreach"), "py-foreach", 125);
}

#[test]
fn an_empty_list_is_an_error() {
    for (option, list) in [("--impl", ""), ("--impl", " , "), ("--variants", "")] {
        let run = crate::tool().args([option, list, "true"]).run();
        run.expect(125)
            .complains(&format!("py-foreach: read {option}: the list is empty"));
    }
}

#[test]
fn a_list_of_all_takes_no_word_that_it_would_pass_over() {
    crate::tool()
        .args(["--list", "python3.11"])
        .run()
        .expect(125)
        .complains("py-foreach: the argument '--list' cannot be used with '[COMMAND]...'");
}
