//! Inside a supervisor: the command itself.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use common::error::plain;
use common::{exit, show};
use rustix::io::Errno;
use rustix::process::Pid;

use super::word::Exit;
use crate::TOOL;
use crate::job::Launch;

/// Starts what `launch` says, which writes to `output`; what cannot be started is said there, and has the
/// status that env(1) gives it.
///
/// Nothing holds `output` afterwards but the command, so that its end is the end of the job's own writers.
pub(super) fn start(launch: &Launch, output: OwnedFd) -> Result<Pid, Exit> {
    let mut output = File::from(output);
    spawn(launch, &output).map_err(|cause| {
        let name: &OsStr = launch.argv.first().map_or(launch.program.as_ref(), |w| w);
        let line = format!("{TOOL}: run {}: {}\n", show::name(name), plain(&cause));
        // Where nobody reads there is nobody to be told.
        let _gone = output.write_all(line.as_bytes());
        Exit::Status(cannot_run(&cause))
    })
}

/// Starts the command in a process group of its own, with nothing to read.
fn spawn(launch: &Launch, output: &File) -> io::Result<Pid> {
    let (zeroth, rest) = launch
        .argv
        .split_first()
        .ok_or(io::ErrorKind::InvalidInput)?;
    let command = |program: &Path| -> io::Result<Command> {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?);
        if let Some(cwd) = &launch.cwd {
            command.current_dir(cwd);
        }
        Ok(command)
    };
    let started = command(&launch.program)?.arg0(zeroth).args(rest).spawn();
    let child = match started {
        // A script without an interpreter line is the shell's, as execvp(3) has it.
        Err(cause) if cause.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
            command("/bin/sh".as_ref())?
                .arg(&launch.program)
                .args(rest)
                .spawn()?
        }
        started => started?,
    };
    Ok(Pid::from_child(&child))
}

/// As env(1) has it.
fn cannot_run(cause: &io::Error) -> u8 {
    match cause.kind() {
        io::ErrorKind::NotFound => exit::NOT_FOUND,
        _ => exit::CANNOT_RUN,
    }
}
