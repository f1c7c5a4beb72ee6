//! A py-foreach whose system calls take longer than they do, or fail: the real one under strace(1).

use std::process::Command;

use test_support::{Tool, cannot_run_here, need_command};

/// `tool` with each of `inject` done to it, in the words of strace's `--inject`; the process that we start
/// is the tool itself.
///
/// Nothing where that cannot be had, which has been said.
pub(crate) fn traced(test: &str, tool: Tool, inject: &[&str]) -> Option<Command> {
    need_command("strace", "strace");
    let can = Command::new("strace")
        .args(["-qq", "-o/dev/null", "true"])
        .output();
    if !can.is_ok_and(|said| said.status.success()) {
        cannot_run_here(test, "it traces py-foreach, which is not allowed here");
        return None;
    }
    let tool = tool.into_command();
    let mut strace = Command::new("strace");
    strace.args(["-D", "-f", "-qq", "-o/dev/null", "--seccomp-bpf"]);
    let calls = inject.iter().filter_map(|what| what.split(':').next());
    strace.arg(format!("--trace={}", calls.collect::<Vec<_>>().join(",")));
    strace.args(inject.iter().map(|what| format!("--inject={what}")));
    // What the tracer itself has in its environment marks it as one of the tool's processes.
    for (name, value) in tool.get_envs() {
        let mut setting = name.to_owned();
        if let Some(value) = value {
            setting.push("=");
            setting.push(value);
        }
        strace.arg("-E").arg(setting);
    }
    strace.arg(tool.get_program()).args(tool.get_args());
    Some(strace)
}
