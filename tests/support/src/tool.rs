//! Runs one of the tools and looks at what it said.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::patience;

/// A run of a tool in the making.
#[derive(Debug)]
pub struct Tool {
    command: Command,
    stdin: Vec<u8>,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status; nothing when a signal ended the tool.
    pub status: Option<i32>,
    /// The signal that ended the tool.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Tool {
    /// The tool at `program`: `env!("CARGO_BIN_EXE_img-merge")` and its like.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            command: Command::new(program),
            stdin: Vec::new(),
        }
    }

    /// Adds words of the command line.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.command.args(words);
        self
    }

    /// Adds one word of the command line.
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

    /// Gives it `input` on standard input; without this it reads nothing.
    #[must_use]
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = input.into();
        self
    }

    /// Sets and unsets for `command` what was set and unset here.
    pub fn lend_environment(&self, command: &mut Command) {
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }

    /// `outer` with all words of this behind its own, and in its environment: nohup(1), a shell's `"$@"`.
    #[must_use]
    pub fn behind(self, mut outer: Command) -> Command {
        self.lend_environment(&mut outer);
        let words = self.command.get_args();
        outer.arg(self.command.get_program()).args(words);
        outer
    }

    /// The command as it stands, for a test that wants to hold the process itself.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Runs it to its end, and sees to it that there is one.
    ///
    /// # Panics
    /// When it cannot be started, or has not ended in [`patience::RUN`]; then it is killed.
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
        // A tool that does not read its input closes the pipe: that is its right.
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
    /// Asserts the exit status, showing both streams if it is another.
    ///
    /// # Panics
    /// When the tool ended otherwise.
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

    /// Asserts that stderr is exactly one line and that it holds `words`.
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
