//! After Ctrl-C, TERM or HUP no job runs on.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::Duration;

use test_support::patience::{end, until_within};

use crate::rig::Rig;

/// How long a phase may take to start its jobs, or to end them.
const PHASE: Duration = Duration::from_secs(60);

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
    until_within("all variants run", PHASE, || {
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
    let ended = end(ebuild, "ebuild").status;
    assert!(
        ended.signal() == Some(number) || ended.code() == Some(128 + number),
        "{ended}"
    );
    until_within("no process is left", PHASE, || rig.processes().is_empty());
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
