//! Runs a tool and checks its output.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::patience;

/// A tool with its arguments and environment, ready to run.
#[derive(Debug)]
pub struct Tool {
    command: Command,
    stdin: Vec<u8>,
}

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status; none if a signal ended the tool.
    pub status: Option<i32>,
    /// The signal that ended the tool.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Tool {
    /// The tool at `program`, for example `env!("CARGO_BIN_EXE_img-merge")`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            command: Command::new(program),
            stdin: Vec::new(),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.command.args(words);
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(self, word: impl AsRef<OsStr>) -> Self {
        self.args([word])
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Unsets a variable.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Runs it in `directory`.
    #[must_use]
    pub fn in_directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Gives it `input` on standard input, which is empty otherwise.
    #[must_use]
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = input.into();
        self
    }

    /// Sets and unsets the same variables for `command`.
    pub fn lend_environment(&self, command: &mut Command) {
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }

    /// The command `outer` with this tool and its arguments behind its own, for example nohup(1) or a shell's `"$@"`.
    #[must_use]
    pub fn behind(self, mut outer: Command) -> Command {
        self.lend_environment(&mut outer);
        let words = self.command.get_args();
        outer.arg(self.command.get_program()).args(words);
        outer
    }

    /// The command, for a test that controls the process itself.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Runs it to its end, within a time limit.
    ///
    /// # Panics
    /// When it cannot be started, or does not end in [`patience::RUN`] and is killed.
    #[track_caller]
    pub fn run(mut self) -> Outcome {
        let named = format!("{:?}", self.command);
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the tool starts");
        let mut stdin = child.stdin.take().expect("a pipe to the tool");
        let input = std::mem::take(&mut self.stdin);
        // A tool may close its input without reading it.
        let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = patience::end(child, &named);
        feeder.join().expect("the input is written");
        Outcome {
            status: output.status.code(),
            signal: output.status.signal(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Outcome {
    /// Asserts the exit status; the message has both streams.
    ///
    /// # Panics
    /// When the tool ended with another status.
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(
            self.status,
            Some(status),
            "signal {:?}\nstdout: {}\nstderr: {}",
            self.signal,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Asserts that stderr is one line that contains `words`.
    ///
    /// # Panics
    /// When it is not so.
    #[track_caller]
    pub fn complains(self, words: &str) -> Self {
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert!(
            lines.len() == 1 && lines[0].contains(words),
            "one line with {words:?} was expected on stderr:\n{}",
            self.stderr
        );
        self
    }
}
