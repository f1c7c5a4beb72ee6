//! A low limit of open files: fewer jobs run at once, and none is lost.

use test_support::Tool;

use crate::running::Running;
use crate::traced::traced;
use crate::{PROGRAM, on_our_terms};

/// A run of so many jobs with so many files, all jobs at once if there is room for them.
fn limited(limit: &str, jobs: usize, command: &[&str]) -> Tool {
    let names: Vec<String> = (0..jobs).map(|number| format!("job{number}")).collect();
    on_our_terms(Tool::new("sh"))
        .args(["-c", r#"ulimit -n "$1"; shift; exec "$@""#, "sh", limit])
        .args([
            PROGRAM,
            &format!("-j{jobs}"),
            "--variants",
            &names.join(" "),
        ])
        .args(command)
}

#[test]
fn a_low_limit_of_open_files_lets_fewer_run_and_loses_none() {
    for limit in ["48", "64"] {
        let job = ["sh", "-c", "ulimit -n; sleep 0.05"];
        let outcome = limited(limit, 40, &job).run().expect(0);
        // The jobs have the limit that we were given.
        assert_eq!(outcome.stdout, format!("{limit}\n").repeat(40));
        outcome.complains("py-foreach: note: the limit of open files has room for ");
    }
}

#[test]
fn there_is_room_for_all_to_start_at_the_same_time() {
    // Each waits for the one before it to be handed over, and has by then all that it needs.
    let tool = limited("256", 60, &["true"]);
    let slow = "sendmsg:delay_enter=50000";
    let test = "there_is_room_for_all_to_start_at_the_same_time";
    let Some(command) = traced(test, tool, &[slow]) else {
        return;
    };
    let outcome = Running::start_command(command).end().expect(0);
    outcome.complains("py-foreach: note: the limit of open files has room for ");
}
