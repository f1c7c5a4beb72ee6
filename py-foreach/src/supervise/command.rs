//! Inside a supervisor: the command itself.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use common::error::plain;
use common::{exit, show};
use rustix::io::Errno;
use rustix::process::Pid;

use crate::TOOL;

/// The command of a job: what execve(2) gets beside the environment.
#[derive(Debug)]
pub(super) struct JobCommand {
    /// A path, or a name that is looked up on PATH.
    pub(super) program: OsString,
    /// `argv[0]`.
    pub(super) name: OsString,
    pub(super) arguments: Vec<OsString>,
}

impl JobCommand {
    /// Starts the command, which writes to `output`. Afterwards only the command holds `output`.
    ///
    /// # Errors
    /// The status that env(1) gives to a command that cannot be run; the reason stands in `output`.
    pub(super) fn start(&self, mut output: File) -> Result<Pid, ExitStatus> {
        self.spawn(&output).map_err(|cause| {
            let line = format!(
                "{TOOL}: run {}: {}\n",
                show::name(&self.name),
                plain(&cause)
            );
            // Nobody may read it any more.
            let _gone = output.write_all(line.as_bytes());
            let status = match cause.kind() {
                io::ErrorKind::NotFound => exit::NOT_FOUND,
                _ => exit::CANNOT_RUN,
            };
            ExitStatus::from_raw(i32::from(status) << 8)
        })
    }

    /// Starts the command in a process group of its own, with nothing to read.
    fn spawn(&self, output: &File) -> io::Result<Pid> {
        let command = |program: &Path| -> io::Result<Command> {
            let mut command = Command::new(program);
            command
                .process_group(0)
                .stdin(Stdio::null())
                .stdout(output.try_clone()?)
                .stderr(output.try_clone()?);
            Ok(command)
        };
        let mut direct = command(self.program.as_ref())?;
        let child = match direct.arg0(&self.name).args(&self.arguments).spawn() {
            // execvp(3) gives a script without an interpreter line to the shell.
            Err(cause) if cause.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
                command("/bin/sh".as_ref())?
                    .arg(&self.program)
                    .args(&self.arguments)
                    .spawn()?
            }
            started => started?,
        };
        Ok(Pid::from_child(&child))
    }
}
