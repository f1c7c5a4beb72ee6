//! Ctrl-C, and a TERM to all: no job is left running.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use test_support::patience;

use crate::rig::Rig;

/// Waits until `done`, and fails with `what` when that does not come.
#[track_caller]
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        sleep(Duration::from_millis(20));
    }
}

fn ends_all_jobs(signal: &str, number: i32, features: &str) {
    let Some(rig) = Rig::new() else {
        return;
    };
    let rig = rig.with_variable("FEATURES", features);
    let mut command = rig.command(&rig.file("hangs-1"), "compile").into_command();
    // A group of its own, as a shell gives to what it starts in the foreground.
    let ebuild = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("ebuild starts");
    let temporary = rig.build("hangs-1").join("temp");
    wait_until("all variants run", || {
        rig.pythons()
            .iter()
            .all(|python| temporary.join(format!("{python}-hangs")).exists())
    });
    // One process at least of each variant is seen, or it would not be missed below.
    assert!(rig.processes().len() > rig.pythons().len());
    let status = Command::new("kill")
        .args([signal, "--", &format!("-{}", ebuild.id())])
        .status()
        .expect("kill starts");
    assert!(status.success());
    let ended = patience::end(ebuild, "ebuild").status;
    assert!(
        ended.signal() == Some(number) || ended.code() == Some(128 + number),
        "{ended}"
    );
    wait_until("no process is left", || rig.processes().is_empty());
}

#[test]
fn an_interrupt_ends_all_jobs() {
    ends_all_jobs("-INT", 2, "");
}

#[test]
fn a_termination_ends_all_jobs() {
    ends_all_jobs("-TERM", 15, "");
}

/// As Gentoo's users have it: the phase in a namespace of its own, in a session that the signal does not
/// reach by itself. Where that is not allowed Portage says so and goes without.
#[test]
fn a_hang_up_ends_all_jobs_in_a_namespace_of_their_own() {
    ends_all_jobs("-HUP", 1, "pid-sandbox ipc-sandbox network-sandbox");
}
