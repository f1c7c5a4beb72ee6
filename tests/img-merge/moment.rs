//! A merge that stands still at one of its system calls while something else happens.

use std::fs;
use std::path::Path;

use test_support::patience::until;
use test_support::{Outcome, Tool, need_command};

/// Runs it under strace with `inject` (a call, what is done to it, and when), and `act` once the call has
/// begun.
pub(crate) fn while_held(root: &Path, inject: &str, words: &[&str], act: impl FnOnce()) -> Outcome {
    need_command("strace", "strace");
    let log = root.join("log");
    let call = inject.split(':').next().unwrap_or_default();
    let tool = Tool::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(&log)
        .arg(format!("--trace={call}"))
        .arg(format!("--inject={inject}"))
        .arg(env!("CARGO_BIN_EXE_img-merge"))
        .args(words)
        .in_directory(root);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| tool.run());
        until("the call has begun", || {
            fs::read_to_string(&log).is_ok_and(|log| log.contains('('))
        });
        act();
        run.join().expect("the tool ends")
    })
}
