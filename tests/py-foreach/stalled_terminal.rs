//! A terminal that takes nothing: somebody pressed ^S, or its emulator is stopped.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Action, tcflow};

use crate::gate::{Gate, until};
use crate::running::Running;
use crate::signals::{STAYS, nothing_is_left, room, script};

/// The side of the emulator, and the side of the programs.
fn terminal() -> (File, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    unlockpt(&master).unwrap();
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let slave = ioctl_tiocgptpeer(&master, flags).unwrap();
    (master.into(), slave)
}

#[test]
fn a_board_that_cannot_be_drawn_delays_no_signal() {
    let dir = room();
    let ready = Gate::new(dir.path(), "ready");
    let (mut master, slave) = terminal();
    let mut command = script(dir.path(), &["-j3"], STAYS).into_command();
    command.env("TERM", "xterm");
    let run = Running::start_onto(command, Stdio::piped(), slave.try_clone().unwrap());
    ready.lines(3);
    let mut shown = Vec::new();
    until("a board is drawn", || {
        let mut bytes = [0; 512];
        let count = master.read(&mut bytes).unwrap();
        shown.extend_from_slice(&bytes[..count]);
        String::from_utf8_lossy(&shown).contains("3 running")
    });
    tcflow(&slave, Action::OOff).unwrap();
    run.signal(Signal::TERM);
    assert_eq!(run.end().signal, Some(Signal::TERM.as_raw()));
    nothing_is_left(dir.path());
}

#[test]
fn output_that_a_terminal_does_not_take_delays_no_signal() {
    for shared in [false, true] {
        let dir = room();
        let ready = Gate::new(dir.path(), "ready");
        let (master, slave) = terminal();
        let text = format!("seq 100000; {STAYS}");
        let mut command = script(dir.path(), &["-j1"], &text).into_command();
        command.env("TERM", "xterm");
        let ours = || Stdio::from(slave.try_clone().unwrap());
        let stderr = if shared { ours() } else { Stdio::piped() };
        let run = Running::start_onto(command, ours(), stderr);
        ready.line();
        until("the emulator has all that it can have", || {
            rustix::io::ioctl_fionread(&master).unwrap() >= 4095
        });
        run.signal(Signal::TERM);
        assert_eq!(run.end().signal, Some(Signal::TERM.as_raw()));
        nothing_is_left(dir.path());
    }
}
